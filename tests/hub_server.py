"""A stand-in for the Hugging Face hub: the part of its interface through which datasets are pushed and pulled.

It keeps repositories in memory, a commit after the other. Binary files come through the LFS protocol, as from a client
without ``hf_xet``.
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import yaml

from tts_gym.datasets.licenses import LICENSES

TOKEN = "hf_token_of_tests"


@dataclass
class Repository:
    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    head: str = ""

    def __post_init__(self):
        self.commit({".gitattributes": b""})

    def commit(self, files: dict[str, bytes]) -> str:
        self.head = hashlib.sha1(f"{len(self.commits)}".encode()).hexdigest()
        self.commits[self.head] = files
        return self.head


class HubServer:
    """Repositories under ``OWNER/NAME``; only who has ``TOKEN`` writes, and sees the private ones."""

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self._begin()
        if found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self._see(found, lambda repo, commit: self._info(found[1], repo, commit))
        elif found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/tree/([^/]+)/?", path):
            self._see(found, self._tree)
        elif found := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._see(found, lambda repo, commit: self._file(repo.commits[commit].get(found[3]), commit))
        else:
            self._answer(404, {"error": f"no route {path}"})

    def do_HEAD(self):
        self.do_GET()

    def do_PUT(self):
        path = self._begin()
        content = self._content()
        self.hub.blobs[path.rpartition("/")[2]] = content
        self._answer(200, {})

    def do_POST(self):
        path = self._begin()
        content = self._content()
        if path == "/api/validate-yaml":
            self._validate(json.loads(content)["content"])
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            self._create(json.loads(content))
        elif re.search("/preupload/", path):
            files = [file["path"] for file in json.loads(content)["files"]]
            modes = {name: "lfs" if name.endswith(".parquet") else "regular" for name in files}
            told = [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes.items()]
            self._answer(200, {"files": told})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(content)["objects"]
            for each in objects:
                each["actions"] = {"upload": {"href": f"{self.hub.address}/lfs/{each['oid']}"}}
            self._answer(200, {"objects": objects})
        elif found := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/commit/([^/]+)", path):
            self._see(found, lambda repo, _: self._commit(found[1], repo, content))

    def _begin(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        return path

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _answer(self, status, document, **headers):
        self._send(status, json.dumps(document).encode(), **{"Content-Type": "application/json"} | headers)

    def _send(self, status, content, **headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _see(self, found, answer):
        """Answer with a repository and the commit of a revision, or say that there is none."""
        repository = self.hub.repositories.get(found[1])
        revision = found[2] or "main"
        if repository is None or (repository.private and self.headers.get("Authorization") != f"Bearer {TOKEN}"):
            self._answer(404, {"error": "Repository not found"}, **{"X-Error-Code": "RepoNotFound"})
        elif revision != "main" and revision not in repository.commits:
            self._answer(404, {"error": "Invalid rev id"}, **{"X-Error-Code": "RevisionNotFound"})
        else:
            answer(repository, repository.head if revision == "main" else revision)

    def _info(self, name, repository, commit):
        siblings = [{"rfilename": file} for file in repository.commits[commit]]
        self._answer(200, {"id": name, "sha": commit, "private": repository.private, "siblings": siblings})

    def _tree(self, repository, commit):
        files = repository.commits[commit].items()
        self._answer(
            200,
            [{"type": "file", "path": name, "size": len(content), "oid": _digest(content)} for name, content in files],
        )

    def _file(self, content, commit):
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_digest(content or b"")}"'}
        if content is None:
            self._answer(404, {"error": "Entry not found"}, **headers | {"X-Error-Code": "EntryNotFound"})
        else:
            self._send(200, content, **headers)

    def _validate(self, card):
        fields = yaml.safe_load(card.split("---\n", 2)[1]) if card.startswith("---\n") else {}
        if fields.get("license") in LICENSES and (fields["license"] != "other" or fields.get("license_name")):
            self._answer(200, {"warnings": []})
        else:
            self._answer(400, {"errors": [{"message": '"license" must be one of a list'}], "warnings": []})

    def _create(self, asked):
        name = f"{asked['organization']}/{asked['name']}"
        status = 409 if name in self.hub.repositories else 200
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.hub.repositories.setdefault(name, Repository(private))
        self._answer(status, {"url": f"{self.hub.address}/datasets/{name}"})

    def _commit(self, name, repository, content):
        files = dict(repository.commits[repository.head])
        for line in content.splitlines():
            part = json.loads(line)
            value = part["value"]
            if part["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif part["key"] == "lfsFile":
                files[value["path"]] = self.hub.blobs[value["oid"]]
            elif part["key"] == "deletedFile":
                del files[value["path"]]
        commit = repository.commit(files)
        url = f"{self.hub.address}/datasets/{name}/commit/{commit}"
        self._answer(200, {"commitUrl": url, "commitOid": commit})


def _digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
