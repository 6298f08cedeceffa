"""What files that are about one clip are called by."""


def mark_of(clip_id: int) -> str:
    """Its id in 16 hex digits, as of an unsigned number."""
    return f"{clip_id & (1 << 64) - 1:016x}"
