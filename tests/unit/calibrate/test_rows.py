"""A CSV of measurements becomes rows, or diagnostics that point at each mistake."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dcplan.calibrate import CollectiveRow, GemmRow, MemoryRow, ServeRow, TrainRow, read_rows
from dcplan.calibrate.rows import SHOWN, parse_rows
from dcplan.diag import Diagnostic

HEAD = "kind,accelerator,software,date,precision,source,time_s"


def only(text: str) -> Diagnostic:
    """The one diagnostic of a file that cannot be read."""
    result = parse_rows(text, "rows.csv")
    (told,) = result.diagnostics

    assert result.value is None
    return told


def place(told: Diagnostic) -> str:
    """Where a diagnostic points."""
    return str(told.range)


def test_each_kind_is_read() -> None:
    """Every kind of the format becomes its noun; cells left empty take what the noun says."""
    text = (
        "kind,accelerator,software,version,date,precision,source,time_s,m,n,k,bytes,operation,ranks,model,"
        "devices,sequence_tokens,global_batch_sequences,prompt_tokens,output_tokens,concurrency,tpot_s,notes\n"
        "gemm,h100,torch,2.9,2026-05-01,bf16,lab,0.001,4096,1024,512,,,,,,,,,,,,x\n"
        "memory,H100,torch,2.9,2026-05-01,,lab,0.002,,,,1073741824,,,,,,,,,,,\n"
        "collective,H100,nccl,,2026-05-01,,,0.003,,,,1048576,all_reduce,8,,,,,,,,,\n"
        "train,H100,megatron,,2026-05-01,bf16,lab,12.5,,,,,,,llama-3.1-8b,64,8192,256,,,,,\n"
        "serve,H100,vllm,,2026-05-01,fp8,lab,,,,,,,,llama-3.1-8b,1,,,1024,256,16,0.01,\n"
    )
    rows = parse_rows(text, "rows.csv").unwrap()
    (gemm,), (memory,), (collective,) = rows.of(GemmRow), rows.of(MemoryRow), rows.of(CollectiveRow)
    (train,), (serve,) = rows.of(TrainRow), rows.of(ServeRow)

    assert len(rows) == 5
    assert (gemm.accelerator, gemm.m, gemm.n, gemm.k, gemm.time_s, gemm.line) == (
        "H100", 4096, 1024, 512, 0.001, 2,
    )  # fmt: skip
    assert memory.bytes == 2**30
    assert (collective.ranks, collective.machines, collective.source) == (8, 1, "rows.csv")
    assert (train.tensor, train.data, train.micro_batch, train.recompute) == (1, None, None, "none")
    assert (serve.tpot_s, serve.ttft_s, serve.concurrency) == (0.01, None, 16)


def test_gzipped_rows_are_read(tmp_path: Path) -> None:
    """A file that was compressed is the same file."""
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(f"{HEAD},bytes\nmemory,H100,torch,2026,,me,0.001,4096\n".encode()))

    assert len(read_rows(path).unwrap()) == 1


@pytest.mark.parametrize(
    ("text", "code", "at", "says"),
    [
        (f"{HEAD},bytes\nmemori,H100,,,,,1,4096\n", "unknown-kind", "rows.csv:2:1", 'Did you mean "memory"?'),
        (f"{HEAD},bytes\nmemory,H10,,,,,1,4096\n", "unknown-name", "rows.csv:2:8", 'Did you mean "H100"?'),
        (
            f"{HEAD},m,n,k\ngemm,H100,,,bf61,,1,1,1,1\n",
            "unknown-name",
            "rows.csv:2:13",
            'Did you mean "bf16"?',
        ),
        (
            (
                f"{HEAD},model,devices,sequence_tokens,global_batch_sequences\n"
                "train,H100,,,bf16,,1,llama-3.1-8,8,4096,64\n"
            ),
            "unknown-name",
            "rows.csv:2:22",
            'Did you mean "llama-3.1-8b"?',
        ),
        (f"{HEAD},bytes\nmemory,H100,,,,,fast,4096\n", "bad-cell", "rows.csv:2:17", "is not a number"),
        (f"{HEAD},bytes\nmemory,H100,,,,,nan,4096\n", "bad-cell", "rows.csv:2:17", "is not a number"),
        (f"{HEAD},bytes\nmemory,H100,,,,,-1,4096\n", "bad-cell", "rows.csv:2:17", "is not above 0"),
        (f"{HEAD},bytes\nmemory,H100,,,,,0,4096\n", "bad-cell", "rows.csv:2:17", "is not above 0"),
        (f'{HEAD},bytes\nmemory,H100,"a, b",,,,1,40.5\n', "bad-cell", "rows.csv:2:25", "not a whole number"),
        (f"{HEAD},bytes\nmemory,H100,,,,,1,\n", "no-value", "rows.csv:2:19", "needs bytes"),
        (f"{HEAD},m,n,k\ngemm,H100,,,,,1,1,1,1\n", "no-value", "rows.csv:2:13", "needs precision"),
        (f"{HEAD}\nmemory,H100,,,,,1\nmemory,H100,,,,,2\n", "no-column", "rows.csv:1:1", "the column bytes"),
        (
            f"{HEAD},operation,ranks,bytes\ncollective,H100,,,,,1,allreduce,8,4096\n",
            "bad-cell",
            "rows.csv:2:23",
            'Did you mean "all_reduce"?',
        ),
        (
            f"{HEAD},operation,ranks,machines,bytes\ncollective,H100,,,,,1,send,8,3,4096\n",
            "contradiction",
            "rows.csv:2:1",
            "8 ranks cannot be spread evenly over 3 machines.",
        ),
        (
            (
                f"{HEAD},model,devices,tensor,data,sequence_tokens,global_batch_sequences\n"
                "train,H100,,,bf16,,1,llama-3.1-8b,8,2,8,4096,64\n"
            ),
            "contradiction",
            "rows.csv:2:1",
            "is 16 but devices is 8",
        ),
        (
            (
                f"{HEAD},model,devices,prompt_tokens,output_tokens,concurrency\n"
                "serve,H100,,,fp8,,,llama-3.1-8b,1,512,128,4\n"
            ),
            "contradiction",
            "rows.csv:2:1",
            "needs tpot_s or ttft_s",
        ),
        (
            f"{HEAD},batch,heads,kv_heads,head_dim,length\nattention,H100,,,bf16,,1,1,32,5,128,512\n",
            "contradiction",
            "rows.csv:2:1",
            "32 heads cannot share 5 kv_heads",
        ),
        ("knd,accelerator\nmemory,H100\n", "no-column", "rows.csv:1:1", "no column kind"),
    ],
)
def test_each_mistake_is_pointed_at(text: str, code: str, at: str, says: str) -> None:
    """A mistake gives one error at its line and column, with the way out."""
    told = only(text)

    assert (told.code, place(told)) == (code, at)
    assert says in told.detail


def test_all_mistakes_are_told_at_once() -> None:
    """Rows with different mistakes are all told of in one go."""
    text = f"{HEAD},bytes\nmemory,H10,,,,,1,4096\nmemory,H100,,,,,-1,4096\ngem,H100,,,,,1,4096\n"
    result = parse_rows(text, "rows.csv")

    assert {place(d) for d in result.diagnostics} == {"rows.csv:2:8", "rows.csv:3:17", "rows.csv:4:1"}


def test_many_mistakes_of_a_sort_are_counted() -> None:
    """Thousands of bad cells do not flood the terminal: some are shown, the others counted."""
    bad = "memory,H100,,,,,-1,4096\n" * (SHOWN + 7)
    result = parse_rows(f"{HEAD},bytes\n{bad}", "rows.csv")

    assert len(result.diagnostics) == SHOWN + 1
    assert "7 further cells" in result.diagnostics[-1].detail


def test_a_name_that_the_catalogue_has_not_is_told_once() -> None:
    """A stranger in many rows is one problem, with how many rows have it."""
    told = only(f"{HEAD},bytes\n" + "memory,H10,,,,,1,4096\n" * 5)

    assert "It stands in 5 rows." in told.detail


def test_copies_count_once() -> None:
    """A line that repeats another is dropped with a warning; a second measurement of the same is kept."""
    row = "memory,H100,,2026,,me,0.001,4096\n"
    result = parse_rows(f"{HEAD},bytes\n{row}{row}memory,H100,,2026,,me,0.0011,4096\n", "rows.csv")
    (told,) = result.diagnostics

    assert result.ok
    assert len(result.unwrap()) == 2
    assert (told.code, place(told)) == ("copied-rows", "rows.csv:3:1")


@pytest.mark.parametrize("content", [b"\x1f\x8bbroken", b"\xff\xfe\x00"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    """Neither text nor a whole gzip file: an error, no traceback."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    (told,) = read_rows(path).diagnostics

    assert told.code == "bad-rows"


def test_a_file_without_rows_is_told(tmp_path: Path) -> None:
    """A header alone, and a file that is not there, are errors."""
    path = tmp_path / "rows.csv"
    path.write_text(HEAD)

    assert "holds no measurement" in read_rows(path).diagnostics[0].detail
    assert "cannot be read" in read_rows(tmp_path / "none.csv").diagnostics[0].detail
