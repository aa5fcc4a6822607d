"""An S3 server independent of Exhibit: OpenStack Swift with its s3api, in one process.

``python -m tests.assets.swift_server FOLDER [ADDRESS]`` prints its ports and serves until its standard input ends.
"""

import contextlib
import getpass
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from exhibit.files.bucket import Bucket, open_store

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
USER, SECRET = "test:tester", "testing"
_CONF = """
[swift-hash]
swift_hash_path_suffix = a
swift_hash_path_prefix = b
[storage-policy:0]
name = p0
default = yes
"""
_STORAGE_CONF = """
[DEFAULT]
swift_dir = {etc}
devices = {devices}
mount_check = false
disable_fallocate = true
user = {user}
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
_PROXY_CONF = """
[DEFAULT]
swift_dir = {etc}
user = {user}
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_guest = guest
[filter:container-quotas]
use = egg:swift#container_quotas
[filter:heedless]
paste.filter_factory = tests.assets.swift_server:ignore_write_conditions
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


@dataclass(frozen=True)
class S3:
    """The ports of a running server."""

    port: int  # S3 interface
    open_port: int  # Swift's own interface, without keys
    heedless_port: int  # S3 interface that ignores the conditions of writes

    def settings(self, **other: str) -> str:
        """Return the settings for the object store's library, as in ``secrets/bucket.toml``."""
        values = {"access_key_id": USER, "secret_access_key": SECRET, "endpoint": f"http://127.0.0.1:{self.port}"}
        return "".join(f'{key} = "{value}"\n' for key, value in {**values, "allow_http": "true", **other}.items())

    def url_for(self, data: Path) -> str:
        """Create a bucket for the installation of a data folder, write its settings there, and return its URL."""
        (data / "secrets").mkdir(parents=True, exist_ok=True)
        (data / "secrets" / "bucket.toml").write_text(self.settings())
        self.make_bucket(name := f"b{secrets.token_hex(6)}")
        return f"s3://{name}/exhibit"

    def make_bucket(self, name: str, **headers: str) -> None:
        """Create a bucket through Swift's own interface."""
        self.send_request("PUT", f"/{name}", **headers)

    def send_request(self, method: str, path: str, **headers: str) -> requests.Response:
        """Send a request to Swift's own interface, which permits everything."""
        url = f"http://127.0.0.1:{self.open_port}/v1/AUTH_test{path}"
        answer = requests.request(method, url, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer


def bucket_on(s3: S3, folder: Path, *, name: str = "", owner: str = "us", **settings: str) -> Bucket:
    """Return a test's own bucket, created unless it is named, with settings like those of a file in ``secrets/``."""
    if not name:
        s3.make_bucket(name := f"b{secrets.token_hex(6)}")
    keys = folder / "bucket.toml"
    keys.write_text(s3.settings(**settings))
    return Bucket(partial(open_store, f"s3://{name}/some/where", keys), owner, folder / f"{name}.made")


@contextmanager
def serving(folder: Path) -> Iterator[S3]:
    """Run the server during the ``with`` block."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.assets.swift_server", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield S3(*map(int, process.stdout.readline().split()))
        finally:
            process.stdin.close()
            process.wait(30)


def ignore_write_conditions(_: object, **__: str) -> "Callable[[WSGIApplication], WSGIApplication]":
    """Return a filter for Swift's pipeline that removes the condition of a write."""

    def filtered(app: "WSGIApplication") -> "WSGIApplication":
        def answer(environ: "WSGIEnvironment", start: "StartResponse") -> "Iterable[bytes]":
            environ.pop("HTTP_IF_NONE_MATCH", None)
            return app(environ, start)

        return answer

    return filtered


def main(folder: Path, address: str = "127.0.0.1") -> None:
    """Serve until the other end of standard input is closed."""
    import eventlet

    eventlet.monkey_patch()
    from eventlet import wsgi
    from swift.common.ring import RingBuilder
    from swift.common.utils import set_swift_dir
    from swift.common.wsgi import loadapp

    etc, devices = folder / "etc", folder / "srv"
    etc.mkdir(parents=True)
    (devices / "d1").mkdir(parents=True)
    (etc / "swift.conf").write_text(_CONF)
    set_swift_dir(str(etc))
    storage_names, proxy_names = ("account", "container", "object"), ("open", "s3", "heedless")
    names = dict.fromkeys(storage_names, _STORAGE_CONF) | dict.fromkeys(proxy_names, _PROXY_CONF)
    ports = {}
    for name, template in names.items():
        ports[name] = eventlet.listen((address if template is _PROXY_CONF else "127.0.0.1", 0))
        if template is _STORAGE_CONF:
            builder = RingBuilder(4, 1, 1)
            port = ports[name].getsockname()[1]
            builder.add_dev(
                {
                    "region": 1,
                    "zone": 1,
                    "ip": "127.0.0.1",
                    "port": port,
                    "replication_ip": "127.0.0.1",
                    "replication_port": port,
                    "device": "d1",
                    "weight": 1,
                }
            )
            builder.rebalance()
            builder.get_ring().save(str(etc / f"{name}.ring.gz"))
    devnull = open(os.devnull, "w")  # noqa: PTH123, SIM115 - as long as the process
    pipeline_template = "catch_errors cache s3api tempauth {}container-quotas slo dlo proxy-server"
    pipelines = {"s3": pipeline_template.format(""), "heedless": pipeline_template.format("heedless ")}
    for name, template in names.items():
        path, pipeline = etc / f"{name}.conf", pipelines.get(name, "catch_errors cache proxy-server")
        user = getpass.getuser()
        path.write_text(template.format(etc=etc, devices=devices, name=name, user=user, pipeline=pipeline))
        eventlet.spawn(wsgi.server, ports[name], loadapp(str(path)), devnull)
    print(*(ports[name].getsockname()[1] for name in ("s3", "open", "heedless")), flush=True)  # noqa: T201 - what is waited for
    with contextlib.suppress(OSError):
        eventlet.tpool.execute(sys.stdin.read)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
