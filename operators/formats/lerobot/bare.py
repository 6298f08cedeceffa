"""A table's rows and nothing beside them: what a source says of a field, or calls a list's items, is its own."""

import pyarrow as pa


def bare(table: pa.Table) -> pa.Table:
    """The same rows, with fields that have a name and a type alone."""
    fields = [pa.field(field.name, _bare(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def _bare(kind: pa.DataType) -> pa.DataType:
    """The same type, whose lists have items by the name that Arrow gives them."""
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_bare(kind.value_type), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(_bare(kind.value_type))
    return pa.list_(_bare(kind.value_type)) if pa.types.is_list(kind) else kind
