"""Minimal Hugging Face Hub in memory: the HTTP requests with which the client looks up, downloads and commits."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LFS_SIZE = 10_000  # files of at least this size use the large-file protocol
TOKEN = "hf_test"


@dataclass
class Repository:
    """Repository: branches and tags name commits, and a commit has all of its files."""

    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    private: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main", message: str = "") -> str:
        """Add files to a branch; return the name of the commit."""
        tree = {**self.commits.get(self.refs.get(branch, ""), {}), **files}
        digest = hashlib.sha1(repr((len(self.commits), sorted(tree))).encode(), usedforsecurity=False).hexdigest()
        self.commits[digest] = tree
        self.refs[branch] = digest
        self.messages.append(message)
        return digest

    def resolve(self, revision: str) -> str | None:
        """Return the commit of a branch, tag or commit name."""
        return self.refs.get(revision, revision if revision in self.commits else None)


@dataclass
class Hub:
    """Repositories of the server, and a log of its requests such as "GET /api/models/user/name"."""

    endpoint: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    large_files: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failing: int = 0  # status of every response, 0 for normal responses
    sizes: dict[str, int] = field(default_factory=dict)  # sizes in listings that differ from the files

    def add(self, name: str, files: dict[str, bytes]) -> Repository:
        """Create a repository with one commit on main."""
        repository = self.repositories.setdefault(name, Repository())
        repository.commit(files)
        return repository

    def downloads(self) -> list[str]:
        """Return the paths of the uploaded files."""
        return [
            line.partition("/resolve/")[2].partition("/")[2]
            for line in self.requests
            if line.startswith("GET ") and "/resolve/" in line
        ]


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a server on a free local port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""

    @property
    def hub(self) -> Hub:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        return hub

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {unquote(path)}")
        body = self._body()
        if self.hub.failing:
            self._send(self.hub.failing, {"error": "out of order"})
            return
        for pattern, method in _ROUTES:
            if match := re.fullmatch(pattern, path):
                getattr(self, method)(body, *(unquote(part) for part in match.groups()))
                return
        self._send(404, {"error": f"no such address {path}"})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(data)),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _found(self, name: str, revision: str) -> tuple[Repository, str] | None:
        """Return the repository and the commit, or None after sending the error of the Hub."""
        repository = self.hub.repositories.get(name)
        authorised = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if repository is None or (repository.private and not authorised):
            self._send(401 if not authorised else 404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            return None
        commit = repository.resolve(revision)
        if commit is None:
            self._send(404, {"error": f"Invalid rev id: {revision}"}, X_Error_Code="RevisionNotFound")
            return None
        return repository, commit

    def _files(self, tree: dict[str, bytes], key: str) -> list[dict[str, Any]]:
        return [
            {
                key: name,
                "size": self.hub.sizes.get(name, len(data)),
                "type": "file",
                "oid": hashlib.sha1(data, usedforsecurity=False).hexdigest(),
            }
            for name, data in tree.items()
        ]

    def model(self, _: bytes, name: str, revision: str = "main") -> None:
        if found := self._found(name, revision):
            tree = found[0].commits[found[1]]
            self._send(
                200,
                {"id": name, "modelId": name, "sha": found[1], "siblings": self._files(tree, "rfilename"), "tags": []},
            )

    def tree(self, _: bytes, name: str, revision: str) -> None:
        if found := self._found(name, revision):
            self._send(200, self._files(found[0].commits[found[1]], "path"))

    def resolve(self, _: bytes, name: str, revision: str, file: str) -> None:
        if found := self._found(name, revision):
            data = found[0].commits[found[1]].get(file)
            if data is None:
                self._send(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound", X_Repo_Commit=found[1])
            else:
                self._send(200, data, ETag=f'"{hashlib.sha256(data).hexdigest()}"', X_Repo_Commit=found[1])

    def create(self, body: bytes) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(
                401, {"error": "Invalid credentials"}, X_Error_Message="Invalid credentials in Authorization header"
            )
            return
        wanted = json.loads(body)
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in self.hub.repositories:
            self._send(409, {"error": "You already created this model repo", "url": f"{self.hub.endpoint}/{name}"})
            return
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.hub.add(name, {".gitattributes": b""}).private = private
        self._send(200, {"url": f"{self.hub.endpoint}/{name}", "id": name, "name": name})

    def branch(self, _: bytes, name: str, branch: str) -> None:
        repository = self.hub.repositories[name]
        if branch in repository.refs:
            self._send(409, {"error": "Reference already exists"})
            return
        repository.refs[branch] = repository.refs["main"]
        self._send(200, {})

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        if self._found(name, revision):
            modes = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["size"] >= LFS_SIZE else "regular",
                    "shouldIgnore": False,
                    "oid": None,
                }
                for file in json.loads(body)["files"]
            ]
            self._send(200, {"files": modes})

    def batch(self, body: bytes, _: str) -> None:
        objects = [
            {**wanted, "actions": {"upload": {"href": f"{self.hub.endpoint}/lfs/{wanted['oid']}"}}}
            for wanted in json.loads(body)["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        assert hashlib.sha256(body).hexdigest() == oid
        self.hub.large_files[oid] = body
        self._send(200, {})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        if not (found := self._found(name, revision)):
            return
        files, message = {}, ""
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large_files[value["oid"]]
        commit = found[0].commit(files, revision, message)
        self._send(
            200, {"success": True, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{commit}", "commitOid": commit}
        )

    def valid(self, _: bytes) -> None:
        self._send(200, {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]})


_NAME = r"([^/]+/[^/]+)"
_ROUTES = [
    (rf"/api/models/{_NAME}", "model"),
    (rf"/api/models/{_NAME}/revision/([^/]+)", "model"),
    (rf"/api/models/{_NAME}/tree/([^/]+)", "tree"),
    (rf"/{_NAME}/resolve/([^/]+)/(.+)", "resolve"),
    ("/api/repos/create", "create"),
    (rf"/api/models/{_NAME}/branch/([^/]+)", "branch"),
    (rf"/api/models/{_NAME}/preupload/([^/]+)", "preupload"),
    (rf"/{_NAME}\.git/info/lfs/objects/batch", "batch"),
    (r"/lfs/([0-9a-f]{64})", "upload"),
    (rf"/api/models/{_NAME}/commit/([^/]+)", "commit"),
    ("/api/validate-yaml", "valid"),
]
