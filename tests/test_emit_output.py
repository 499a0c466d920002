"""The output directory: whole or not at all, and never in place of what is not ours."""

import pytest

from finnr_rtl.emit import output
from finnr_rtl.emit.output import check_output, write_output
from finnr_rtl.errors import UserError

MANIFEST = '{"generator": "finnr_rtl 1", "files": {"rtl/a.v": "", "rtl/old.v": "", "network/x.npz": ""}}'
FILES = {"manifest.json": MANIFEST, "rtl/a.v": "module a; endmodule\n", "network/x.npz": b"\0\1"}


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_writes_what_it_is_given(tmp_path):
    write_output(tmp_path / "new" / "out", FILES)
    assert tree(tmp_path / "new" / "out") == {
        "manifest.json": MANIFEST.encode(), "rtl/a.v": b"module a; endmodule\n", "network/x.npz": b"\0\1",
    }
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_takes_the_place_of_a_former_output_and_leaves_nothing_of_it(tmp_path):
    write_output(tmp_path / "out", {**FILES, "rtl/old.v": "old"})
    write_output(tmp_path / "out", FILES)
    assert "rtl/old.v" not in tree(tmp_path / "out")


def test_an_empty_folder_is_fine(tmp_path):
    (tmp_path / "out").mkdir()
    write_output(tmp_path / "out", FILES)
    assert tree(tmp_path / "out")["manifest.json"] == MANIFEST.encode()


@pytest.mark.parametrize("name", ["notes.txt", "rtl/a.v", "manifest.json"])
def test_what_is_not_ours_is_left_alone(name, tmp_path):
    foreign = tmp_path / "out" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    with pytest.raises(UserError, match="did not write"):
        write_output(tmp_path / "out", FILES)
    assert tree(tmp_path) == {f"out/{name}": b"mine"}


def test_what_was_added_to_an_output_is_left_alone(tmp_path):
    write_output(tmp_path / "out", FILES)
    (tmp_path / "out" / "sim" / "build").mkdir(parents=True)
    (tmp_path / "out" / "sim" / "build" / "object.o").write_text("left by a simulation")
    write_output(tmp_path / "out", FILES)
    (tmp_path / "out" / "rtl" / "mine.v").write_text("mine")
    with pytest.raises(UserError, match=r"mine\.v, which this tool did not write"):
        write_output(tmp_path / "out", FILES)


def test_a_file_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="not a folder"):
        check_output(tmp_path / "out")
    with pytest.raises(UserError, match="not a folder that can be written"):
        check_output(tmp_path / "out" / "below")


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("existed", [False, True])
def test_an_error_or_interruption_changes_nothing(error, existed, tmp_path, monkeypatch):
    if existed:
        write_output(tmp_path / "out", {**FILES, "rtl/old.v": "old"})
    before = tree(tmp_path)
    real = output.Path.write_bytes

    def failing(path, content):
        if path.name == "a.v":
            raise error
        return real(path, content)

    monkeypatch.setattr(output.Path, "write_bytes", failing)
    with pytest.raises(type(error)):
        write_output(tmp_path / "out", FILES)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if existed else [])


@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt()])
def test_a_former_output_comes_back_when_the_last_step_fails(error, tmp_path, monkeypatch):
    write_output(tmp_path / "out", {**FILES, "rtl/old.v": "old"})
    before = tree(tmp_path)
    real = output.Path.rename

    def failing(path, target):
        if path.name == "new":
            raise error
        return real(path, target)

    monkeypatch.setattr(output.Path, "rename", failing)
    with pytest.raises(type(error)):
        write_output(tmp_path / "out", FILES)
    assert tree(tmp_path) == before
