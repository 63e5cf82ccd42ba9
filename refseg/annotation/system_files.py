"""Files that operating systems and tools leave in folders and archives; they are not part of a data set."""

_FOLDERS = frozenset(("__macosx", ".git", ".svn", "@eadir", ".ipynb_checkpoints", ".trash", "$recycle.bin"))
_FILES = frozenset(
    (".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", ".localized", ".gitkeep", ".gitignore", "icon\r")
)


def is_system_file(name: str) -> bool:
    """Whether a file or folder of this name belongs to an operating system or a tool: .DS_Store, ._a.jpg,
    __MACOSX ...
    """
    return name.startswith("._") or name.casefold() in _FOLDERS or name.casefold() in _FILES
