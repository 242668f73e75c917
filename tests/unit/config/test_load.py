"""Loading: files, folders, variables, the environment, and what leaves the door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dcplan.config import default_paths, load_document
from dcplan.diag import SourceRange, error

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.config import Document

DOCUMENT = """\
project: demo
variables:
  region: {default: us-east-1}
  layers: {type: integer, default: 4}
  slow: {type: duration, default: 500ms}
providers:
  local: {token: "${env.TOKEN}", where: "at ${var.region}, not $${var.region}"}
models:
  own: {architecture: {layers: "${var.layers}", hidden: 64, heads: 4, ffn: 128, vocab: 1000}}
workloads:
  chat:
    kind: serve
    model: own
    traffic: {requests_per_s: 40, prompt_tokens: {mean: 4k}, output_tokens: 200}
    sla: {ttft: {p95: "${var.slow}"}}
    constraints: {regions: ["${var.region}"]}
"""
ENV = {"TOKEN": "abcdef0123456789abcdef"}


def _file(folder: Path, text: str, name: str = "dcplan.yaml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _codes(result: object) -> list[str]:
    return [d.code for d in result.diagnostics]  # type: ignore[attr-defined]


def test_quantities_and_variables_arrive_in_base_units(tmp_path: Path) -> None:
    """Units are read, and a lone reference keeps its variable's type."""
    document = load_document([_file(tmp_path, DOCUMENT)], env=ENV).unwrap().document
    chat = document.workloads["chat"]

    assert document.models["own"].architecture is not None
    assert document.models["own"].architecture.layers == 4
    assert chat.sla.ttft.p95 == 0.5  # type: ignore[union-attr]
    assert chat.traffic.requests_per_s == 40.0  # type: ignore[union-attr]
    assert chat.traffic.prompt_tokens.mean == 4000.0  # type: ignore[union-attr]
    assert chat.constraints.regions == ("us-east-1",)


def test_a_reference_inside_text_becomes_text_and_an_escape_stays(tmp_path: Path) -> None:
    """``$${`` is how a plain ``${`` is written."""
    document = load_document([_file(tmp_path, DOCUMENT)], env=ENV).unwrap().document

    assert document.providers["local"]["where"] == "at us-east-1, not ${var.region}"


def test_the_last_word_on_a_variable_is_the_command_line(tmp_path: Path) -> None:
    """Default < environment < variable files in order < --var."""
    file = _file(tmp_path, DOCUMENT)
    first = _file(tmp_path, "region: from-file-1\n", "a.yaml")
    second = _file(tmp_path, "region: from-file-2\n", "b.yaml")
    env = ENV | {"DCPLAN_VAR_REGION": "from-env"}

    def region(**outside: object) -> object:
        loaded = load_document([file], **{"env": ENV, **outside}).unwrap()  # type: ignore[arg-type]
        return loaded.document.workloads["chat"].constraints.regions

    assert region() == ("us-east-1",)
    assert region(env=env) == ("from-env",)
    assert region(env=env, var_files=[first]) == ("from-file-1",)
    assert region(env=env, var_files=[first, second]) == ("from-file-2",)
    assert region(env=env, var_files=[first], variables={"region": "from-flag"}) == ("from-flag",)


def test_undeclared_values_are_told_except_those_of_the_environment(tmp_path: Path) -> None:
    """A typo in --var or a variable file is caught; foreign environment variables are not our business."""
    file = _file(tmp_path, DOCUMENT)
    values = _file(tmp_path, "regoin: x\n", "values.yaml")
    env = ENV | {"DCPLAN_VAR_OTHER": "x"}
    result = load_document([file], variables={"layer": "3"}, var_files=[values], env=env)

    assert _codes(result) == ["undeclared-variable", "undeclared-variable"]
    assert all("Did you mean" in d.detail for d in result.diagnostics)
    assert {d.range.file.rsplit("/", 1)[-1] for d in result.diagnostics if d.range} == {
        "dcplan.yaml",
        "values.yaml",
    }


def test_text_from_outside_is_read_as_its_variable_s_type(tmp_path: Path) -> None:
    """``--var layers=6`` is a whole number; ``--var layers=six`` is a mistake."""
    file = _file(tmp_path, DOCUMENT)
    good = load_document([file], variables={"layers": "6"}, env=ENV).unwrap().document
    bad = load_document([file], variables={"layers": "six"}, env=ENV)

    assert good.models["own"].architecture.layers == 6  # type: ignore[union-attr]
    assert _codes(bad) == ["wrong-variable-value"]


@pytest.mark.parametrize("secret", ["hunter2", "7", "no such unit"])
def test_values_from_the_environment_are_never_shown(tmp_path: Path, secret: str) -> None:
    """Neither loading nor a later room's diagnostic about the place echoes them."""
    text = DOCUMENT.replace('p95: "${var.slow}"', 'p95: "${env.SLOW}"').replace(
        'layers: "${var.layers}"', 'layers: "${var.layers}", kv_heads: "${env.SLOW}"'
    )
    env = ENV | {"SLOW": secret, "DCPLAN_VAR_LAYERS": secret + "!"}
    result = load_document([_file(tmp_path, text)], env=env)

    assert not result.ok
    assert [d for d in result.diagnostics if secret in d.detail] == []


def test_a_secret_stays_hidden_when_another_room_speaks_of_it(tmp_path: Path) -> None:
    """``source.place`` is where every diagnostic with a path comes by."""
    loaded = load_document([_file(tmp_path, DOCUMENT)], env=ENV).unwrap()
    (placed,) = loaded.source.place(
        [
            error(
                "x",
                "A token is refused",
                f'"{ENV["TOKEN"]}" is refused.',
                path=("providers", "local", "token"),
            )
        ]
    )

    assert ENV["TOKEN"] not in placed.detail
    assert placed.range is not None
    assert placed.range.line == 7


def test_a_folder_is_merged_file_by_file(tmp_path: Path) -> None:
    """Mappings of several files become one, and each path leads back to its own file."""
    head, tail = DOCUMENT.split("workloads:\n")
    main = _file(tmp_path, head)
    _file(tmp_path, "workloads:\n" + tail, "dcplan.d/chat.yaml")
    _file(tmp_path, "workloads:\n" + tail.replace("chat", "search"), "dcplan.d/search.yml")
    _file(tmp_path, "not: read", "dcplan.d/readme.txt")
    loaded = load_document(default_paths(tmp_path), env=ENV).unwrap()
    (placed,) = loaded.source.place([error("x", "X", path=("workloads", "search", "model"))])

    assert list(loaded.document.workloads) == ["chat", "search"]
    assert [file.name for file in loaded.files] == ["dcplan.yaml", "chat.yaml", "search.yml"]
    assert loaded.root == main.parent
    assert placed.range is not None
    assert placed.range.file.endswith("search.yml")


def test_an_empty_folder_beside_the_document_is_no_error(tmp_path: Path) -> None:
    """Whoever makes ``dcplan.d`` before the first file for it can go on; without a document it is told."""
    (tmp_path / "dcplan.d").mkdir()
    alone = load_document(default_paths(tmp_path), env=ENV)
    (tmp_path / "dcplan.yaml").write_text(
        "project: p\nproviders: {local: {datacenter: d.yaml}}\nworkloads: {}\n"
    )
    beside = load_document(default_paths(tmp_path), env=ENV)

    assert [problem.code for problem in alone.diagnostics] == ["no-document"]
    assert "no-document" not in [problem.code for problem in beside.diagnostics]


def test_the_same_leaf_in_two_files_names_both_places(tmp_path: Path) -> None:
    """Nobody wins silently."""
    first = _file(tmp_path, DOCUMENT)
    second = _file(tmp_path, "project: other\n", "more.yaml")
    result = load_document([first, second], env=ENV)

    assert _codes(result) == ["duplicate-key"]
    assert str(result.diagnostics[0].range).endswith("more.yaml:1:1")
    assert str(result.diagnostics[0].related[0].range).endswith("dcplan.yaml:1:1")


def test_the_digest_follows_the_content_and_not_its_spelling(tmp_path: Path) -> None:
    """Comments and units do not count; values of variables do."""
    one = load_document([_file(tmp_path, DOCUMENT)], env=ENV).unwrap()
    same_text = "# a comment\n" + DOCUMENT.replace("default: 500ms", "default: 0.5s")
    same = load_document([_file(tmp_path, same_text, "same.yaml")], env=ENV).unwrap()
    other = load_document([_file(tmp_path, DOCUMENT)], variables={"layers": "5"}, env=ENV).unwrap()

    assert one.digest == same.digest
    assert one.digest != other.digest


def test_files_are_named_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages show short paths where they can."""
    file = _file(tmp_path, "project: demo\n", "deep/dcplan.yaml")
    monkeypatch.chdir(tmp_path)
    result = load_document([file])

    assert result.diagnostics[0].range == SourceRange(
        file="deep/dcplan.yaml", line=1, column=1, end_line=1, end_column=1
    )


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "empty-file", 1),
        (b"\xff\xfea\x00", "not-utf8", 1),
        (b"project: demo\nname: \xe9t\xe9\n", "not-utf8", 2),
        (b"project: demo\nname: \x07\n", "control-character", 2),
        (b"\xef\xbb\xbfproject: [\n", "byte-order-mark", 1),
        (b"a: " + b"[" * 500, "too-deep", 1),
        (b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
            b"%c: &%c [%s]\n" % (n + 1, n + 1, b",".join([b"*%c" % n] * 9)) for n in range(97, 104)
        ), "too-many-aliases", 7),
    ],
)  # fmt: skip
def test_strange_files_are_diagnosed(tmp_path: Path, data: bytes, code: str, line: int) -> None:
    """No file, however odd, makes more than a diagnostic with a place."""
    file = tmp_path / "dcplan.yaml"
    file.write_bytes(data)
    result = load_document([file])

    assert result.value is None
    assert code in _codes(result)
    assert line in [d.range.line for d in result.diagnostics if d.range and d.code == code]


def test_a_byte_order_mark_is_only_a_warning(tmp_path: Path) -> None:
    """The document still loads."""
    file = tmp_path / "dcplan.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + DOCUMENT.encode())
    result = load_document([file], env=ENV)

    assert result.ok
    assert _codes(result) == ["byte-order-mark"]


def test_missing_and_unreadable_paths_are_diagnosed(tmp_path: Path) -> None:
    """No file, an empty folder, or nothing at all to read."""
    (tmp_path / "empty").mkdir()

    assert _codes(load_document([tmp_path / "none.yaml"])) == ["missing-file"]
    assert _codes(load_document([tmp_path / "empty"])) == ["no-document"]
    assert _codes(load_document([])) == ["no-document"]


def test_merge_keys_and_aliases_share_values(tmp_path: Path) -> None:
    """``<<`` takes over what a mapping does not say itself."""
    text = DOCUMENT.replace("  chat:", "  chat: &chat") + "  search:\n    <<: *chat\n    model: own\n"
    document = load_document([_file(tmp_path, text)], env=ENV).unwrap().document

    assert document.workloads["search"] == document.workloads["chat"]


def test_a_catalogue_at_hand_tells_unknown_models(tmp_path: Path) -> None:
    """Without one, the name is left to the catalogue."""
    file = _file(tmp_path, DOCUMENT.replace("model: own", "model: lama-3"))

    assert load_document([file], env=ENV).ok
    assert load_document([file], env=ENV, known_models=["lama-3"]).ok
    assert _codes(load_document([file], env=ENV, known_models=["llama-3"])) == ["unknown-model"]


def test_errors_of_one_workload_do_not_hide_those_of_another(tmp_path: Path) -> None:
    """Structural errors, wrong units, lost references and broken rules are told together."""
    second = """\
  tune:
    kind: train
    model: own
    tokens: 1T
    samples: 4M
    sequence_length: 4096
    global_batch: 512
"""
    text = DOCUMENT.replace("output_tokens: 200", "output_tokens: many").replace("own: {", "own: {x: 1, ")
    text = text.replace("${env.TOKEN}", "${env.NONE}") + second
    result = load_document([_file(tmp_path, text)], env={})

    assert sorted(_codes(result)) == ["training-length", "unknown-key", "unset-environment", "wrong-unit"]


def test_later_rooms_are_not_asked_of_what_breaks_a_rule(tmp_path: Path) -> None:
    """An unknown key may leave an entry without what the key was meant for; the others are asked about."""
    serve = "kind: serve, model: small, sla: {tpot: {p95: 50ms}}"
    file = _file(
        tmp_path,
        "project: demo\nmodels: {small: {catalog: llama-3.1-8b}}\nworkloads:\n"
        f"  chat: {{{serve}, traffic: {{rate: 4/s}}}}\n"
        f"  mail: {{{serve}, traffic: {{requests_per_s: 1/s, prompt_tokens: 9, output_tokens: 9}}}}\n",
    )
    seen: list[Document] = []

    result = load_document([file], also=lambda document, _: seen.append(document) or ())  # type: ignore[func-returns-value]

    assert {d.code for d in result.diagnostics} == {"unknown-key", "traffic-incomplete"}
    assert [list(document.workloads) for document in seen] == [["mail"]]


def test_later_rooms_see_only_models_that_are_described(tmp_path: Path) -> None:
    """With an error elsewhere, a config.json is still read; models without description stay behind."""
    (tmp_path / "config.json").write_text(
        '{"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,'
        ' "num_hidden_layers": 2, "vocab_size": 1000}'
    )
    traffic = "traffic: {requests_per_s: 1/s, prompt_tokens: 9, output_tokens: 9}"
    serve = f"kind: serve, {traffic}, sla: {{tpot: {{p95: 1s}}}}"
    file = _file(
        tmp_path,
        "project: demo\ntypo: 1\nmodels:\n  read: {huggingface: config.json}\n"
        "  gone: {huggingface: gone.json}\n  none: {}\nworkloads:\n"
        + "".join(f"  {name}: {{{serve}, model: {name}}}\n" for name in ("read", "gone", "none")),
    )
    seen: list[Document] = []

    result = load_document([file], also=lambda document, _: seen.append(document) or ())  # type: ignore[func-returns-value]

    assert {"unknown-key", "model-source", "huggingface-file"} <= set(_codes(result))
    assert [(set(d.models), set(d.workloads)) for d in seen] == [({"read"}, {"read"})]
    assert seen[0].models["read"].architecture is not None


def test_a_bad_variable_does_not_make_its_key_missing(tmp_path: Path) -> None:
    """A value that does not fit its variable is told once; what it was for is not called missing."""
    text = DOCUMENT.replace("requests_per_s: 40", 'requests_per_s: "${var.load}"').replace(
        "variables:\n", "variables:\n  load: {type: rate}\n"
    )

    result = load_document([_file(tmp_path, text)], env=ENV, variables={"load": "10"})

    assert _codes(result) == ["wrong-variable-value"]
