"""Hosts in Linux namespaces of this machine, each with its own address, disk, processes and host name.

They share the installed program and nothing else: a host cannot see another host's disk, and a host that is switched
off stops responding without closing its connections.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests import CHECKOUT
from tests.assets.processes import wait_until

NETWORK = "10.77.0.0/16"
_UP = """
hostname {name}
echo 80 > /proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind {root}/hosts/{name} {root}/disk
mount -t tmpfs none {root}/hosts
ip link set lo up
until ip link show eth0 > {root}/disk/.link 2>&1; do sleep 0.05; done
{addresses}
ip link set eth0 up
touch {root}/disk/.up
exec sleep infinity
"""


class NoNamespacesError(Exception):
    """This user may not create namespaces on this machine. The message quotes the system's error."""


@dataclass
class Host:
    """One host.

    Attributes:
        name: Name, also the host name.
        addresses: IPv4 addresses.
        folder: Its disk as seen from outside.
        disk: The same folder as seen by its own processes.
        first: Process ID of its first process, with which all others end.
    """

    name: str
    addresses: tuple[str, ...]
    folder: Path
    disk: Path
    first: int
    running: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The first address."""
        return self.addresses[0]

    def command(self, *words: str) -> list[str]:
        """Return a command line that runs another command on this host."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        enter = ["nsenter", "--target", str(self.first), *user, "--net", "--mount", "--uts", "--pid"]
        return [*enter, f"--wd={CHECKOUT}", "--", *words]

    def start(self, environ: Mapping[str, str], *words: str) -> list[str]:
        """Start a long-running program on this host and return the words that it prints when it is ready."""
        line = self.command(sys.executable, *words)
        pipe = subprocess.PIPE
        process = subprocess.Popen(line, env={**os.environ, **environ}, text=True, stdin=pipe, stdout=pipe)
        self.running.append(process)
        assert process.stdout is not None
        output = process.stdout.readline().split()
        assert output, f"{' '.join(words)} didn't start on {self.name}"
        return output

    def run(self, environ: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a Python command on this host to its end."""
        line = self.command(sys.executable, *words)
        return subprocess.run(line, env={**os.environ, **environ}, text=True, capture_output=True, check=False)


class Hosts:
    """A set of hosts on one virtual switch.

    Raises:
        NoNamespacesError: This user may not create namespaces.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._made = root, dict[str, Host]()
        (root / "disk").mkdir()
        (root / "hosts").mkdir()
        user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
        line = ["unshare", *user, "--net", "--mount", "--propagation", "private", "sh"]
        pipe = subprocess.PIPE
        try:
            self._switch = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        except FileNotFoundError as error:
            raise NoNamespacesError(str(error)) from error
        self._run_script("ip link set lo up && ip link add switch type bridge && ip link set switch up")

    def add(self, name: str, *numbers: int) -> Host:
        """Start a host with the addresses 10.77.0.NUMBER."""
        folder, addresses = self._root / "hosts" / name, tuple(f"10.77.0.{number}" for number in numbers)
        folder.mkdir()
        commands = "\n".join(f"ip addr add {address}/16 dev eth0" for address in addresses)
        (folder / "up.sh").write_text(_UP.format(name=name, root=self._root, addresses=commands))
        new = "unshare --net --mount --uts --pid --fork --kill-child --mount-proc --propagation private"
        outer = self._run_script(f"{new} sh -e {folder}/up.sh > {folder}/.said 2>&1 & echo $!")
        children = Path(f"/proc/{outer}/task/{outer}/children")
        try:
            wait_until(lambda: children.read_text().split(), 5)
            first = int(children.read_text())
            self._run_script(f"ip link add to-{name} type veth peer name eth0 netns {first}")
            self._run_script(f"ip link set to-{name} master switch && ip link set to-{name} up")
            wait_until((folder / ".up").exists, 10)
        except (AssertionError, OSError, ValueError) as error:
            raise NoNamespacesError((folder / ".said").read_text()) from error
        self._made[name] = Host(name, addresses, folder, self._root / "disk", first)
        return self._made[name]

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, name: str) -> Host:
        return self._made[name]

    def switch_off(self, name: str) -> None:
        """Cut a host's power, so that none of its packets arrive any more. A host that is off stays off."""
        host = self._made[name]
        if Path(f"/proc/{host.first}").exists():
            self._run_script(f"ip link set to-{name} down")
            os.kill(host.first, signal.SIGKILL)
            for process in host.running:
                process.communicate(timeout=30)

    def end(self) -> None:
        """Switch all hosts off."""
        for name in self._made:
            self.switch_off(name)
        self._switch.communicate("exit\n", 30)

    def _run_script(self, script: str) -> str:
        assert self._switch.stdin is not None
        assert self._switch.stdout is not None
        try:
            print(f"{{ {script}; }} 2>&1; echo :$?", file=self._switch.stdin, flush=True)
        except BrokenPipeError as error:
            raise NoNamespacesError(self._switch.stdout.read().strip()) from error
        output = ""
        while not (line := self._switch.stdout.readline()).startswith(":"):
            output += line
            if not line:
                raise NoNamespacesError(output.strip())
        if line != ":0\n":
            raise NoNamespacesError(output.strip())
        return output.strip()


@contextmanager
def hosts_in(root: Path) -> Iterator[Hosts]:
    """Yield a switch without hosts. Hosts that were added end with the block."""
    with ExitStack() as stack:
        hosts = Hosts(root)
        stack.callback(hosts.end)
        yield hosts


def _database(address: str) -> None:
    """Run PostgreSQL and Redis as the product embeds them, but on a network address."""
    from exhibit.config.secrets import load_redis_password
    from registry.configuration import load_config
    from registry.services import addresses
    from workers.servers.embedded import EmbeddedServers
    from workers.servers.postgres import EmbeddedPostgres
    from workers.servers.processes import ServerPermissions, find_service_user, open_log
    from workers.servers.redis import EmbeddedRedis

    config = load_config()
    with EmbeddedServers(config):
        pass
    rights = ServerPermissions(find_service_user(config.data_dir))
    postgres, redis = EmbeddedPostgres(config, rights), EmbeddedRedis(config, rights)
    listens: dict[EmbeddedPostgres | EmbeddedRedis, tuple[str, ...]] = {
        postgres: ("-c", f"listen_addresses={address}"),
        redis: ("--port", "6379", "--bind", address, "--protected-mode", "no"),
    }
    for server, words in listens.items():
        server.prepare()
        if server is postgres:
            with (server.folder / "pg_hba.conf").open("a") as file:
                file.write(f"host all {addresses.DATABASE_USER} {NETWORK} trust\n")
        child = server.build_child()
        with open_log(config.data_dir / "log", server.name) as log:
            replace(child, command=(*child.command, *words)).start(log)
    wait_until(lambda: all(server.is_responding() for server in listens), 60)
    print(load_redis_password(config), flush=True)  # noqa: T201 - what is waited for
    signal.pause()


def _sites(folders: Sequence[Path], addresses: Sequence[str]) -> None:
    """Serve the demonstration's sites, each at its own address."""
    from demo.serving import serve_sites

    with serve_sites(folders, addresses, port=80):
        print("ready", flush=True)  # noqa: T201 - what is waited for
        signal.pause()


def _milvus(folder: str) -> None:
    """Run a Milvus server."""
    from tests.assets.milvus_server import start_server

    server = start_server(Path(folder))
    print(server.listen_port, flush=True)  # noqa: T201 - what is waited for
    signal.pause()


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "database":
        _database(*arguments)
    elif what == "milvus":
        _milvus(*arguments)
    else:
        half = len(arguments) // 2
        _sites([Path(name) for name in arguments[:half]], arguments[half:])
