"""Plain progress: one line a report, with the stages' names."""

import logging

import pytest

from cluster.session import PlainProgress


def test_a_report_becomes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    report = [
        "======= Running Dataset: dataset_x =======",
        "Total Progress: 0/?",
        "ListFiles: 3/3",
        "MapBatches(Condition): 3/9",
        "  Tasks: 1; Actors: 1; Queued blocks: 0 (0.0B)",
        "Write: 1/9",
        "=================",
    ]
    for line in report * 2:
        assert not progress.filter(logging.LogRecord("ray", logging.INFO, "", 0, line, (), None))
    lines = capsys.readouterr().out.splitlines()
    assert [line[10:] for line in lines] == ["Condition 3/9  Write 1/9"] * 2
