"""What the project's files say holds on every machine and for every reader."""

import io
import re
import tokenize

from tests.arch.source import FOLDERS, ROOT, modules, name_of, own_files

# Brackets keep these patterns from finding themselves.
OF_ONE_MACHINE = re.compile(rb"/roo[t]/|/wor[k]/|/User[s]/|/pri[v]ate/")
OF_ONE_REGISTRY = re.compile(rb"pyp[i]\.org|pythonhoste[d]|artifactor[y]|inde[x]-url")
# Words that no file of the project has but this one.
UNDONE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MARKDOWN_FOLDERS = ("agents", "teams", "workflows")


def test_no_file_names_a_path_of_one_machine_or_a_registry() -> None:
    found = [
        f"{name_of(path)}: {match[0].decode()}"
        for path in own_files()
        for pattern in (OF_ONE_MACHINE, OF_ONE_REGISTRY)
        for match in pattern.finditer(path.read_bytes())
    ]
    assert found == []


def test_no_comment_leaves_work_undone() -> None:
    found = [
        f"{name_of(path)}:{token.start[0]}: {token.string}"
        for path in modules()
        for token in tokenize.tokenize(io.BytesIO(path.read_bytes()).readline)
        if token.type == tokenize.COMMENT and UNDONE.search(token.string)
    ]
    assert found == []


def test_the_library_holds_only_markdown() -> None:
    others = [
        name_of(path)
        for path in own_files()
        if path.relative_to(ROOT).parts[0] in MARKDOWN_FOLDERS and path.suffix != ".md"
    ]
    assert others == []
    assert set(MARKDOWN_FOLDERS) < set(FOLDERS)
