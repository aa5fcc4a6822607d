"""DNS resolver that returns only checked addresses, so that the checked address is the one connected to."""

from scrapy.resolver import CachingHostnameResolver, HostResolution
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IResolutionReceiver
from zope.interface import provider

from exhibit.errors import RefusedError
from exhibit.network.addresses import host_of, is_localhost
from exhibit.network.guard import Guard
from exhibit.types import Untyped

_MAX_NAMES = 10_000


def resolver_for(guard: Guard, refused: dict[str, RefusedError]) -> type:
    """Return a class for the setting ``TWISTED_DNS_RESOLVER`` of a CrawlerProcess; Scrapy ignores it elsewhere.

    ``refused`` receives the error for each refused host, by its ASCII name; to the connection, the host has no address.
    """

    class Resolver(CachingHostnameResolver):
        @classmethod
        def from_crawler(cls, _crawler: Untyped, reactor: Untyped) -> "Resolver":
            return cls(reactor, _MAX_NAMES)

        def resolveHostName(
            self, resolutionReceiver: Untyped, hostName: str, portNumber: int = 0, *how: Untyped
        ) -> Untyped:
            host = host_of(f"http://{hostName}/") or hostName
            checked: Untyped = _Checked(resolutionReceiver, guard, refused, host, portNumber)
            if not is_localhost(host):
                return super().resolveHostName(checked, host, portNumber, *how)
            checked.resolutionBegan(resolution := HostResolution(hostName))
            checked.resolutionComplete()
            return resolution

    return Resolver


@provider(IResolutionReceiver)
class _Checked:
    """Passes on the addresses of a host after all have been checked."""

    def __init__(self, receiver: Untyped, guard: Guard, refused: dict[str, RefusedError], host: str, port: int) -> None:
        self._receiver, self._guard, self._refused, self._host, self._port = receiver, guard, refused, host, port
        self._found: dict[str, None] = {}

    def resolutionBegan(self, resolution: Untyped) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Untyped) -> None:
        self._found[address.host] = None

    def resolutionComplete(self) -> None:
        host, port = self._host, self._port
        try:
            addresses = self._guard.resolve(host, port) if is_localhost(host) else list(self._found)
            self._guard.check_answers(host, addresses, port)
        except RefusedError as error:
            self._refused[host] = error
            addresses = []
        for address in addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            self._receiver.addressResolved(kind("TCP", address, port))
        self._receiver.resolutionComplete()
