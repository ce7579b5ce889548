"""The scenarios of spec/federation.md §3.3, in any size; each returns its network when all is over."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

from handlers.peer.hop import Hop, signed_hop
from handlers.peer.keys import PeerKey
from handlers.peer.outbox import Outgoing
from handlers.peer.relay_mail import PostMail
from handlers.peer.restart import restored
from handlers.peer.roster import Entry
from handlers.peer.seal import Kind, PostKey, minted_id
from handlers.peer.shape import NO_CONTENTS
from handlers.peer.store import KnownKey, Way
from tests.federation.paper import PaperKey, on_paper
from tests.federation.simulator import (
    CONTENTS,
    DAY,
    HOUR,
    MINUTE,
    SPACE,
    Network,
    Server,
    rings,
)

FOREVER = float("inf")


def outages(
    servers: int,
    posts: int,
    seed: int,
    *,
    degree: int = 6,
    until: float = 96 * HOUR,
    for_good: bool = False,
    failing: float = 0.1,
) -> Network:
    """S1, S2 and S7: posts of one day, while servers fail for hours, or for good."""
    with on_paper():
        network = Network(servers, rings(servers, degree, seed), seed, key=PaperKey)
        chance = random.Random(seed)
        for server in chance.sample(network.servers, int(servers * failing)):
            begin = chance.uniform(0, DAY)
            network.outage(server, begin, FOREVER if for_good else begin + chance.uniform(HOUR, DAY))
        _write_at_random(network, posts, chance)
        network.start()
        network.run(until)
    return network


def cut_apart(servers: int, posts: int, seed: int) -> Network:
    """S3: for 48 hours no mail goes from one half to the other."""
    with on_paper():
        network = Network(servers, rings(servers, 6, seed), seed, key=PaperKey)
        network.cut = lambda one, other: network.now < 48 * HOUR and one.number % 2 != other.number % 2
        _write_at_random(network, posts, random.Random(seed), 48 * HOUR)
        network.start()
        network.run(72 * HOUR)
    return network


def liars(servers: int, posts: int, seed: int, bad: int) -> Network:
    """S4: some alter what they relay, strip paths, repeat, drop half, forge retractions, and say two things at once."""
    with on_paper():
        network = Network(servers, rings(servers, 6, seed), seed, key=PaperKey)
        chance = random.Random(seed)
        liars_of = network.servers[-bad:]
        network.on_its_way = lambda server, outgoing: (
            _lie(network, server, outgoing) if server in liars_of else outgoing
        )
        _write_at_random(network, posts, chance, writers=network.servers[:-bad])
        for liar in liars_of:
            network.at(12 * HOUR + liar.number, lambda liar=liar: network.write(liar))
        network.start()
        network.run(48 * HOUR)
    return network


def _lie(network: Network, liar: Server, outgoing: Outgoing) -> Outgoing | None:
    mail = outgoing.mail
    if not isinstance(mail, PostMail):
        return outgoing
    seal, peer = mail.post.seal, network.by_domain[outgoing.peer]
    if mail.post.key.origin == liar.domain:
        if peer.number % 2:  # the other half is told something else
            other = network.sealed_post(liar, key=mail.post.key, date=seal.date, subject="Pears")
            hop = replace(mail.hop.hop, what=other.digest)
            return replace(outgoing, mail=_again(liar, PostMail(other, mail.hop), hop.what))
        return outgoing
    match network.chance.randrange(6):
        case 0:  # another text
            changed = replace(seal, contents=replace(CONTENTS, parts=("text/plain;inline;;AAAA",)))
            return replace(outgoing, mail=replace(mail, post=replace(mail.post, seal=changed)))
        case 1:  # no path, or the one of somebody else
            return replace(outgoing, mail=_again(liar, mail, mail.hop.hop.what, path=outgoing.peer))
        case 2:  # five times
            for _ in range(4):
                network.at(network.now + MINUTE, lambda: network._arrive(peer, liar.domain, mail))
            return outgoing
        case 3 | 4:
            return None
        case _:
            key = replace(mail.post.key, rev=2)
            forged = network.sealed_post(
                liar, key=key, kind=Kind.RETRACT, contents=NO_CONTENTS, message_id=minted_id(key), date=seal.date
            )
            return replace(outgoing, mail=_again(liar, PostMail(forged, mail.hop), forged.digest))


def _again(server: Server, mail: PostMail, what: str, *, path: str = "") -> PostMail:
    hop = replace(mail.hop.hop, what=what, path=path or mail.hop.hop.path)
    return replace(mail, hop=signed_hop(hop, server.key))


def backups(servers: int, posts: int, seed: int, broken: int) -> tuple[Network, Counter[Way]]:
    """S5: some servers go on from a backup that is six hours old. With it, the ways of what members got again."""
    repeats: list[Callable[[], Counter[Way]]] = []
    with on_paper():
        network = Network(servers, rings(servers, 6, seed), seed, key=PaperKey)
        _write_at_random(network, posts, random.Random(seed))
        for server in network.servers[:broken]:
            _restore_later(network, server, 14 * HOUR + server.number * HOUR, repeats)
        network.start()
        network.run(96 * HOUR)
    return network, sum((count() for count in repeats), Counter())


def _restore_later(network: Network, server: Server, at: float, repeats: list[Callable[[], Counter[Way]]]) -> None:
    copies = []
    network.at(at - 6 * HOUR, lambda: copies.append(deepcopy(server.store)))

    def comes_back() -> None:
        before = {key for key, _ in server.store.delivered} | set(server.store.bytes_of)
        server.store = copies[0]
        kept = len(server.store.delivered)
        server.restored_at = network.time(server)
        restored(server.store, {peer: network.letters(8) for peer in server.store.by_peer}, network.time(server))
        repeats.append(lambda: Counter(way for key, way in server.store.delivered[kept:] if key in before))
        network._wake(server)

    network.at(at, comes_back)


def clocks(servers: int, posts: int, seed: int, wild: int) -> Network:
    """S6: clocks are up to two hours off, those of the last servers thirty hours ahead."""
    with on_paper():
        network = Network(servers, rings(servers, 6, seed), seed, key=PaperKey)
        chance = random.Random(seed)
        for server in network.servers:
            server.clock = chance.uniform(-2 * HOUR, 2 * HOUR)
        for server in network.servers[-wild:]:
            server.clock = 30 * HOUR
        _write_at_random(network, posts, chance)
        network.start()
        network.run(96 * HOUR)
    return network


def new_keys(servers: int, posts: int, seed: int, changing: int) -> tuple[Network, list[PostKey]]:
    """S8: servers change their keys while posts flow; two old keys are in other hands. With it, what was forged."""
    forged: list[PostKey] = []
    with on_paper():
        network = Network(servers, rings(servers, 6, seed), seed, key=PaperKey)
        chance = random.Random(seed)
        _write_at_random(network, posts, chance)
        for server in network.servers[:changing]:
            at = chance.uniform(6 * HOUR, 12 * HOUR)
            network.at(at, lambda server=server: _change_key(network, server, stolen=server.number < 2))
            if server.number < 2:
                old = server.key
                network.at(at + HOUR, lambda server=server, old=old: forged.append(_forge(network, server, old)))
        network.start()
        network.run(72 * HOUR)
    return network, forged


def _change_key(network: Network, server: Server, *, stolen: bool) -> None:
    """Everybody has heard of it: how they do is tested with the handshake."""
    now = network.time(server)
    old, new = server.key, PaperKey(network.chance.randbytes(32))
    known = (
        KnownKey(new.id, new.public),
        KnownKey(old.id, old.public, until=now + timedelta(days=14), compromised_since=now if stolen else None),
    )
    server.key = new
    for other in network.servers:
        other.store.rotated[server.domain] = known
        link = other.store.link(server.domain)
        if link:
            other.store.save_link(replace(link, keys=known))


def _forge(network: Network, server: Server, old: PeerKey) -> PostKey:
    """The thief has a link to everybody whom the server knows: he sends as another server would relay."""
    post = network.sealed_post(server, signer=old)
    for peer in server.store.by_peer:
        victim = network.by_domain[peer]
        for account in list(victim.store.by_peer.values()):
            relay = network.by_domain[account.peer]
            if relay is not server:
                hop = Hop(relay.domain, peer, account.peer_epoch, 40_000, post.digest, relay.domain)
                network.receive(victim, relay.domain, PostMail(post, signed_hop(hop, relay.key)))
                victim.store.save_link(account)  # its own numbers go on as if nothing had been
                break
    return post.key


def comings_and_goings(servers: int, posts: int, seed: int, moving: int) -> tuple[Network, dict[int, set[str]]]:
    """S9: some join, some leave while posts flow; rosters reach servers late. With it, who is in which roster."""
    members: dict[int, set[str]] = {}
    with on_paper():
        network = Network(servers, rings(servers, 6, seed), seed, key=PaperKey)
        chance = random.Random(seed)
        inside = list(network.servers[moving:])

        def roster(serial: int) -> None:
            if serial > 1:
                joins = network.servers[serial - 2]
                inside.append(joins)
                inside.remove(network.servers[-(serial - 1)])
            members[serial] = {server.domain for server in inside}
            _publish_roster(network, serial, list(inside), chance)

        for server in network.servers:
            server.store.rosters.clear()
        for serial in range(1, moving + 2):
            network.at((serial - 1) * 2 * HOUR, lambda serial=serial: roster(serial))

        def writes() -> None:
            writers = [server for server in network.servers if server.store.rosters.get(SPACE)]
            writers = [server for server in writers if _is_in(network, server)]
            network.write(chance.choice(writers))

        for _ in range(posts):
            network.at(chance.uniform(HOUR, DAY), writes)
        network.start()
        network.run(72 * HOUR)
    return network, members


def _publish_roster(network: Network, serial: int, inside: list[Server], chance: random.Random) -> None:
    roster = network.new_roster(serial, inside, known_to=[network.servers[len(network.servers) // 2]])
    for server in network.servers:
        delay = chance.uniform(0, HOUR) if serial > 1 else 0.0
        network.at(network.now + delay, lambda server=server: _learns(server, serial, roster))


def _learns(server: Server, serial: int, roster: object) -> None:
    server.store.rosters[SPACE][serial] = roster  # type: ignore[assignment]


def _is_in(network: Network, server: Server) -> bool:
    roster = server.store.roster(SPACE)
    entry: Entry | None = roster.entry(server.domain, network.time(server)) if roster else None
    return entry is not None


def _write_at_random(
    network: Network,
    posts: int,
    chance: random.Random,
    within: float = DAY,
    writers: list[Server] | None = None,
) -> None:
    def writes() -> None:
        network.write(chance.choice([each for each in writers or network.servers if each.is_up]))

    for _ in range(posts):
        network.at(chance.uniform(0, within), writes)
