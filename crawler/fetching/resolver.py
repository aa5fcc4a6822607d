"""DNS resolver that returns only checked addresses, so that connections use the address that was checked."""

from scrapy.resolver import CachingHostnameResolver, HostResolution
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IResolutionReceiver
from zope.interface import provider

from exhibit.errors import RefusedError
from exhibit.network.addresses import get_url_host, is_localhost
from exhibit.network.guard import Guard
from exhibit.types import Untyped

_CACHE_SIZE = 10_000


def make_resolver_class(guard: Guard, errors: dict[str, RefusedError]) -> type:
    """Return a class for the setting ``TWISTED_DNS_RESOLVER`` of a CrawlerProcess; Scrapy ignores it elsewhere.

    ``errors`` receives the error for each refused host, by its ASCII name; connections see no address for that host.
    """

    class Resolver(CachingHostnameResolver):
        @classmethod
        def from_crawler(cls, _crawler: Untyped, reactor: Untyped) -> "Resolver":
            return cls(reactor, _CACHE_SIZE)

        def resolveHostName(
            self, resolutionReceiver: Untyped, hostName: str, portNumber: int = 0, *how: Untyped
        ) -> Untyped:
            host = get_url_host(f"http://{hostName}/") or hostName
            checked_receiver: Untyped = _CheckedReceiver(resolutionReceiver, guard, errors, host, portNumber)
            if not is_localhost(host):
                return super().resolveHostName(checked_receiver, host, portNumber, *how)
            checked_receiver.resolutionBegan(resolution := HostResolution(hostName))
            checked_receiver.resolutionComplete()
            return resolution

    return Resolver


@provider(IResolutionReceiver)
class _CheckedReceiver:
    """Passes on the addresses of a host after all have been checked."""

    def __init__(self, receiver: Untyped, guard: Guard, errors: dict[str, RefusedError], host: str, port: int) -> None:
        self._receiver, self._guard, self._errors, self._host, self._port = receiver, guard, errors, host, port
        self._addresses: dict[str, None] = {}

    def resolutionBegan(self, resolution: Untyped) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: Untyped) -> None:
        self._addresses[address.host] = None

    def resolutionComplete(self) -> None:
        host, port = self._host, self._port
        try:
            addresses = self._guard.resolve(host, port) if is_localhost(host) else list(self._addresses)
            self._guard.check_addresses(host, addresses, port)
        except RefusedError as error:
            self._errors[host] = error
            addresses = []
        for address in addresses:
            kind = IPv6Address if ":" in address else IPv4Address
            self._receiver.addressResolved(kind("TCP", address, port))
        self._receiver.resolutionComplete()
