"""Names become addresses here, and only checked addresses leave: what is checked is what is connected to."""

from collections.abc import Sequence

from scrapy.resolver import HostResolution
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from zope.interface import implementer, provider

from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from exhibit.network.hosts import is_localhost
from exhibit.network.urls import host_of
from exhibit.types import Untyped

_MAX_NAMES = 10_000


def resolver_for(guard: Guard, refused: dict[str, RefusedError]) -> type:
    """A class for the setting ``TWISTED_DNS_RESOLVER`` of a CrawlerProcess; elsewhere Scrapy ignores that setting.

    ``refused`` receives the refusal of each refused host, by its ASCII name; to the connection, it simply has no
    address.
    """

    class Resolver(_Resolver):
        @classmethod
        def from_crawler(cls, _crawler: Untyped, reactor: Untyped) -> "Resolver":
            return cls(reactor, guard, refused)

    return Resolver


@implementer(IHostnameResolver)
class _Resolver:
    def __init__(self, reactor: Untyped, guard: Guard, refused: dict[str, RefusedError]) -> None:
        self._reactor = reactor
        self._inner = reactor.nameResolver
        self._guard = guard
        self._refused = refused
        self._names: dict[str, list[str]] = {}

    def install_on_reactor(self) -> None:
        self._reactor.installNameResolver(self)

    def resolveHostName(
        self,
        resolutionReceiver: Untyped,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type] | None = None,
        transportSemantics: str = "TCP",
    ) -> Untyped:
        resolution = HostResolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        host = host_of(f"http://{hostName}/") or hostName
        if is_localhost(host):
            self._answer(resolutionReceiver, host, portNumber, None)
        elif host in self._names:
            self._answer(resolutionReceiver, host, portNumber, self._names[host])
        else:
            collector = _Collector(lambda found: self._learn(resolutionReceiver, host, portNumber, found))
            self._inner.resolveHostName(collector, host, portNumber, addressTypes, transportSemantics)
        return resolution

    def _learn(self, receiver: Untyped, host: str, port: int, found: list[str]) -> None:
        if found and len(self._names) < _MAX_NAMES:
            self._names[host] = found
        self._answer(receiver, host, port, found)

    def _answer(self, receiver: Untyped, host: str, port: int, found: list[str] | None) -> None:
        try:
            addresses = self._guard.resolve(host, port) if found is None else found
            self._guard.check_answers(host, addresses, port)
        except RefusedError as error:
            self._refused[host] = error
            addresses = []
        for address in addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            receiver.addressResolved(kind("TCP", address, port))
        receiver.resolutionComplete()


@provider(IResolutionReceiver)
class _Collector:
    def __init__(self, done: Untyped) -> None:
        self._done = done
        self._found: dict[str, None] = {}

    def resolutionBegan(self, resolution: Untyped) -> None:
        """Nothing to do: the outer resolution has begun."""

    def addressResolved(self, address: Untyped) -> None:
        """Keep an address."""
        self._found[address.host] = None

    def resolutionComplete(self) -> None:
        """Hand over what was found."""
        self._done(list(self._found))
