"""tools/generate: what it makes of a row, and what it finds fault with."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools/generate"


@pytest.fixture
def generate(tmp_path):
    """The tool, looking at a tree of its own."""
    loader = importlib.machinery.SourceFileLoader("generate", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", loader))
    loader.exec_module(module)
    module.ROOT = tmp_path
    return module


def test_rows_are_read_as_c_reads_them(generate, tmp_path):
    (tmp_path / "some.def").write_text(
        "/* ROW(in, a, comment) */\n"
        "#define ROW(...)\n"
        'ROW(one, 1, "a, \\"b\\" (c)"\n\t" and d", NULL)\n'
        "OTHER(x)\n"
        'ROW(two, 1e-6, "", y)\n'
    )
    assert generate.rows_of("some.def", "ROW") == [
        ("ROW", "one", "1", 'a, "b" (c) and d', None),
        ("ROW", "two", "1e-6", "", "y"),
    ]


def test_a_file_that_differs_is_named_and_then_mended(generate, tmp_path, capsys):
    (tmp_path / "proto").mkdir()
    (tmp_path / "server/base").mkdir(parents=True)
    (tmp_path / "proto/packet.def").write_text(
        'PACKET(PING, 100, CLIENT, on_ping, "p", "it\'s m")\n'
        'PACKET(PAGE, 124, GATEWAY, ignore, "u32 id, u16 n,"\n\t" n x str user", "these")\n'
    )
    (tmp_path / "server/base/stats.def").write_text('PART(kept, COUNTER, "k")\n')
    (tmp_path / "server/x.c").write_text("stats_add(&worker->stats->kept, 1);\n")
    generate.MADE = {"commands.ts": generate.sdk_commands, "packets.ts": generate.console_packets}
    assert generate.main(["--check"]) == 1
    assert "commands.ts is not what its rows say" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert "export const PING = 100\n" in (tmp_path / "commands.ts").read_text()
    packets = (tmp_path / "packets.ts").read_text()
    assert "100: { name: 'ping', meaning: 'it\\'s m' }," in packets
    assert "124: { name: 'page', meaning: 'these', fields: ['u32 id', 'u16 n', 'n x str user'] }," in packets


def test_a_counter_that_nobody_counts_is_a_fault(generate, tmp_path):
    (tmp_path / "server/base").mkdir(parents=True)
    (tmp_path / "server/base/stats.def").write_text(
        'PART(one, COUNTER, "1")\nPART(two, COUNTER, "2")\nNODE(three, GAUGE, "m", NULL, "3")\n'
    )
    (tmp_path / "server/x.c").write_text("stats_add(\n\t&conns->stats->one, 1);\nint two;\n")
    assert list(generate.uncounted()) == ["server/base/stats.def: no unit counts two"]


def test_a_page_without_its_marks_is_told(generate):
    with pytest.raises(SystemExit):
        generate.between_marks("| a table |\n", "some.def", ["| x |"])
