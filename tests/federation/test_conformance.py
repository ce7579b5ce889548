"""The list of spec/federation.md §4, as far as posts go: one test for a line, named by its number.

Mail is neither lost nor late here, unless a test says so. What the lines say of members' copies at the daemon is tested
there.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest

from handlers.message import parse
from handlers.peer.account import received_control
from handlers.peer.border import Crossing
from handlers.peer.compose import Departing, post_name, seal_edit, seal_post, seal_retraction
from handlers.peer.control import Control
from handlers.peer.control_mail import ControlMail, control_digest, read_control_mail, write_control_mail
from handlers.peer.direct import direct_mail, out_of_reach, received_direct
from handlers.peer.hop import Hop, signed_hop
from handlers.peer.outbox import Outgoing, due
from handlers.peer.relay import Taken, received_post
from handlers.peer.relay_mail import PostMail, read_post_mail, write_post_mail
from handlers.peer.restart import restored
from handlers.peer.seal import Kind, PostKey, Scope, SealedPost
from handlers.peer.store import Event, Link, LinkState, RowState, Way
from tests.federation.simulator import CONTENT, DAY, HOUR, MINUTE, SPACE, Network, Server, Weather

TRIANGLE = {(0, 1), (0, 2), (1, 2)}
CALM = Weather(lost=0, late=0, polled=1)
OTHER = Crossing("Pears", CONTENT.replace(b"Hello", b"Hey"))


def network(servers: int = 3, links: set[tuple[int, int]] = TRIANGLE) -> Network:
    """Server 0 is oak, where posts are written; 1 is pine, 2 is birch."""
    made = Network(servers, links, seed=1, weather=CALM)
    made.start()
    made.run(MINUTE)
    return made


def after(made: Network, seconds: float) -> Network:
    made.run(made.now + seconds)
    return made


def mail_of(made: Network, sender: Server, to: Server, post: SealedPost, seq: int = 500) -> PostMail:
    """As `sender` would relay it."""
    link = link_of(sender, to)
    hop = Hop(sender.domain, to.domain, link.epoch, seq, post.digest, sender.domain)
    return PostMail(post, signed_hop(hop, sender.key))


def link_of(server: Server, peer: Server) -> Link:
    link = server.store.link(peer.domain)
    assert link is not None
    return link


def delivered(server: Server) -> list[tuple[str, Way]]:
    return [(key.post, way) for key, way in server.store.delivered]


def refusals(server: Server, sender: Server) -> list[str]:
    return [each.reason for each in link_of(server, sender).refused]


# Authentication


def test_f12_dkim_that_fails_for_dns_trouble() -> None:
    made = network()
    oak, pine, _ = made.servers
    told = []
    for number in range(4):
        post = made.sealed_post(oak)
        mail = mail_of(made, oak, pine, post, 500 + number)
        outcome = received_post(pine.store, pine.own, mail, token=oak.domain, now=made.time(pine), aligned=False)
        assert outcome.taken is Taken.ACCEPTED
        told += [action.event for action in outcome.actions if hasattr(action, "event")]
    assert told == [Event.NOT_SIGNED]


def test_f13_no_hop_signature() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = mail_of(made, oak, pine, made.sealed_post(oak))
    before = deepcopy(pine.store)
    unsigned = replace(mail, hop=replace(mail.hop, signature="AAAA"))
    assert made.receive(pine, oak.domain, unsigned).taken is Taken.DROPPED
    assert made.receive(pine, "another token", mail).taken is Taken.DROPPED
    assert pine.store == before


def test_f14_a_mail_for_somebody_else() -> None:
    made = network()
    oak, pine, birch = made.servers
    mail = mail_of(made, oak, pine, made.sealed_post(oak))
    assert made.receive(birch, oak.domain, mail).taken is Taken.DROPPED


@pytest.mark.parametrize(
    "changes", [{"scope": Scope.HOME}, {"roster": 2}, {"name": "Eve"}, {"key": PostKey("s0.example", "a" * 26, 1)}]
)
def test_f16_f18_what_was_changed_is_refused(changes: dict[str, object]) -> None:
    made = network()
    oak, pine, birch = made.servers
    made.new_roster(2, made.servers)
    post = made.sealed_post(oak, roster=1)
    forged = replace(post, seal=replace(post.seal, **changes))  # type: ignore[arg-type]
    outcome = made.receive(pine, oak.domain, mail_of(made, oak, pine, forged))
    assert outcome.taken is Taken.REFUSED
    assert outcome.why in ("BADSEAL", "ROSTER")
    after(made, HOUR)
    assert not delivered(pine)
    assert not delivered(birch)
    assert oak.events[Event.REFUSED] == 0, "it was never in the outbox"


# Format


def test_f26_what_must_be_understood_and_is_not() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = replace(mail_of(made, oak, pine, made.sealed_post(oak)), critical=("foo",))
    assert made.receive(pine, oak.domain, mail).why == "VERSION"
    assert refusals(pine, oak) == ["VERSION"]


def test_f82_another_major_version() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = replace(mail_of(made, oak, pine, made.sealed_post(oak)), version="2")
    assert made.receive(pine, oak.domain, mail).why == "VERSION"


# Dedupe and loops


def test_f29_a_triangle() -> None:
    made = network()
    post = made.write(made.servers[0])
    after(made, HOUR)
    assert made.relays[post.key] <= 4
    for server in made.servers[1:]:
        assert delivered(server) == [(post.key.post, Way.EACH)]
    assert not delivered(made.servers[0]), "her own list has it already"


def test_f30_everybody_linked_to_everybody() -> None:
    made = network(6, set(combinations(range(6), 2)))
    post = made.write(made.servers[0])
    after(made, HOUR)
    assert made.relays[post.key] <= 25
    assert all(len(server.store.delivered) == 1 for server in made.servers[1:])


@pytest.mark.parametrize("path", ["", "s2.example", "s2.example!s0.example"])
def test_f31_paths_decide_nothing(path: str) -> None:
    made = network()
    pine = made.servers[1]

    def strip(server: Server, outgoing: Outgoing) -> Outgoing:
        mail = outgoing.mail
        if server is not pine or not isinstance(mail, PostMail):
            return outgoing
        return replace(outgoing, mail=replace(mail, hop=signed_hop(replace(mail.hop.hop, path=path), pine.key)))

    made.on_its_way = strip
    post = made.write(made.servers[0])
    after(made, HOUR)
    assert made.relays[post.key] <= 4
    assert all(len(server.store.delivered) == 1 for server in made.servers[1:])


def test_f32_one_mail_a_hundred_times() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = mail_of(made, oak, pine, made.sealed_post(oak), seq=1)
    assert made.receive(pine, oak.domain, mail).taken is Taken.ACCEPTED
    rows, processed = deepcopy(pine.store.open_rows), link_of(pine, oak).processed
    for _ in range(99):
        assert made.receive(pine, oak.domain, mail).taken is Taken.KNOWN
    assert len(pine.store.delivered) == 1
    assert pine.store.open_rows == rows
    assert link_of(pine, oak).processed == processed == ((1, 1),)


def test_one_post_again_and_again_under_new_numbers() -> None:
    made = network()
    oak, pine, _ = made.servers
    post = made.sealed_post(oak)
    for seq in range(1, 7):
        made.receive(pine, oak.domain, mail_of(made, oak, pine, post, seq))
    assert link_of(pine, oak).state is LinkState.SUSPENDED
    assert pine.events[Event.REPEATS] == 1
    assert made.receive(pine, oak.domain, mail_of(made, oak, pine, made.sealed_post(oak), 9)).taken is Taken.DROPPED


def test_f33_f34_killed_before_and_after_the_commit() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = mail_of(made, oak, pine, made.sealed_post(oak), seq=1)
    committed = deepcopy(pine.store)
    assert made.receive(pine, oak.domain, mail).taken is Taken.ACCEPTED
    pine.store = committed  # killed before the commit: nothing of it is left
    assert made.receive(pine, oak.domain, mail).taken is Taken.ACCEPTED
    assert made.receive(pine, oak.domain, mail).taken is Taken.KNOWN  # killed after it: sent again
    assert len(pine.store.delivered) == 1


def test_f35_two_contents_under_one_key() -> None:
    made = network()
    oak, pine, birch = made.servers
    first = made.sealed_post(oak)
    second = made.sealed_post(oak, key=first.key, subject="Pears")
    made.receive(pine, oak.domain, mail_of(made, oak, pine, first, 1))
    made.receive(birch, oak.domain, mail_of(made, oak, birch, second, 1))
    after(made, HOUR)
    for server, kept in ((pine, first), (birch, second)):
        assert server.store.archive[first.key.origin, first.key.post] == kept
        assert len(server.store.delivered) == 1
        assert len(server.store.aside) == 1
        assert server.events[Event.EQUIVOCATION] == 1


def test_f36_two_posts_of_one_original_message_id() -> None:
    made = network()
    for _ in range(2):
        made.write(made.servers[0])  # the original Message-ID is no part of what leaves
    after(made, HOUR)
    assert len({post for post, _ in delivered(made.servers[1])}) == 2


def test_f37_one_mail_to_two_lists_of_the_space() -> None:
    made = network()
    oak, pine, birch = made.servers
    post = made.write(oak, twin="AAECAwQFBgcICQoLDA0ODw==")
    pine.store.twins.add((SPACE, post.seal.twin))  # pine's list got it from its author, too
    after(made, HOUR)
    assert not delivered(pine)
    assert delivered(birch) == [(post.key.post, Way.EACH)]
    assert pine.store.seen(post.key) is not None
    assert made.relays[post.key] <= 4


@pytest.mark.parametrize("hours", [30, -46 * 24])
def test_f39_a_date_out_of_reason(hours: int) -> None:
    made = network()
    oak, pine, _ = made.servers
    made.roster = made.new_roster(1, made.servers)
    date = (made.time(oak) + timedelta(hours=hours)).replace(microsecond=0)
    made.receive(pine, oak.domain, mail_of(made, oak, pine, made.sealed_post(oak, date=date)))
    assert refusals(pine, oak) == ["DATE"]


def test_f40_too_long_a_way() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = mail_of(made, oak, pine, made.sealed_post(oak))
    path = "!".join(f"s{number}.example" for number in range(65))
    mail = replace(mail, hop=signed_hop(replace(mail.hop.hop, path=path), oak.key))
    assert made.receive(pine, oak.domain, mail).taken is Taken.QUARANTINED
    assert not delivered(pine)


# Rosters


def test_f51_who_joins_later_gets_nothing_of_before() -> None:
    made = network()
    oak, pine, birch = made.servers
    made.new_roster(7, [oak, pine])
    early = made.sealed_post(oak)
    made.new_roster(8, [oak, pine, birch])
    made.publish(oak, early)
    late = made.write(oak)
    after(made, 3 * DAY)
    assert birch.store.seen(early.key) is None
    assert birch.store.seen(late.key) is not None
    assert made.receive(birch, oak.domain, mail_of(made, oak, birch, early, 900)).why == "ROSTER"


def test_f53_who_was_removed_gets_nothing_more() -> None:
    made = network()
    oak, pine, birch = made.servers
    made.new_roster(2, [oak, pine])
    post = made.write(oak)
    after(made, 3 * DAY)
    assert birch.store.seen(post.key) is None
    assert not birch.store.offers.get(oak.domain)
    theirs = made.sealed_post(birch, roster=1)
    assert made.receive(pine, birch.domain, mail_of(made, birch, pine, theirs, 900)).why == "ROSTER"


def test_who_has_said_that_it_leaves_is_out_at_once() -> None:
    made = network()
    oak, pine, birch = made.servers
    for server in made.servers:
        server.store.leavers.add((SPACE, birch.domain))
    post = made.write(oak)
    after(made, 3 * DAY)
    assert pine.store.seen(post.key) is not None
    assert birch.store.seen(post.key) is None
    theirs = made.sealed_post(birch)
    assert made.receive(pine, birch.domain, mail_of(made, birch, pine, theirs, 900)).why == "ROSTER"


# Private mail


def private(made: Network, sender: Server, to_author: str = "aaaaabbbbb") -> SealedPost:
    departing = Departing(SPACE, 1, f"<plum.{sender.domain}>", made.time(sender), "bbbbbccccc", "Bob P.", 365)
    return seal_post(sender.own, departing, OTHER, post_name(bytes(17)), to_author=to_author)


def test_f54_a_private_mail_goes_one_hop() -> None:
    made = network()
    oak, pine, birch = made.servers
    entry = made.roster.entry(oak.domain, made.time(pine))
    assert entry is not None
    sent = direct_mail(pine.own, private(made, pine), entry, 2**127)
    assert sent.address == "organic-peer@s0.example"
    now = made.time(oak)
    assert received_direct(oak.store, oak.own, sent.mail, now).taken is Taken.ACCEPTED
    assert received_direct(oak.store, oak.own, sent.mail, now).taken is Taken.KNOWN
    assert received_direct(birch.store, birch.own, sent.mail, now).taken is Taken.DROPPED
    assert [post.seal.to_author for post in oak.store.private] == ["aaaaabbbbb"]
    assert not oak.store.seen_forms
    over_a_link = mail_of(made, pine, oak, sent.mail.post)
    assert made.receive(oak, pine.domain, over_a_link).why == "VERSION"


def test_a_private_mail_of_somebody_else_is_dropped() -> None:
    made = network()
    oak, pine, birch = made.servers
    entry = made.roster.entry(oak.domain, made.time(pine))
    assert entry is not None
    post = private(made, pine)
    relayed = direct_mail(birch.own, post, entry, 5)
    assert received_direct(oak.store, oak.own, relayed.mail, made.time(oak)).taken is Taken.DROPPED
    public = direct_mail(pine.own, made.sealed_post(pine), entry, 5)
    assert received_direct(oak.store, oak.own, public.mail, made.time(oak)).taken is Taken.DROPPED
    made.new_roster(2, [oak, birch])
    mine = direct_mail(pine.own, post, entry, 6)
    assert received_direct(oak.store, oak.own, mine.mail, made.time(oak)).why == "ROSTER"
    assert not oak.store.private


# Edits and retractions


def retraction(made: Network, server: Server, post: SealedPost) -> SealedPost:
    return seal_retraction(server.own, post.seal, date=made.time(server), reason="wrong date")


def test_f60_a_post_is_taken_back() -> None:
    made = network()
    oak = made.servers[0]
    post = made.write(oak)
    after(made, HOUR)
    taken = retraction(made, oak, post)
    made.publish(oak, taken)
    after(made, HOUR)
    for server in made.servers:
        assert not server.store.archive
        assert server.store.post(post.key) is None
        assert server.store.seen(taken.key) is not None
        assert "Ana" not in str(server.store.seen_forms)
    assert len(made.servers[1].store.delivered) == 1


def test_f61_a_retraction_before_its_post() -> None:
    made = network()
    oak, pine, birch = made.servers
    post = made.sealed_post(oak)
    taken = retraction(made, oak, post)
    made.receive(pine, oak.domain, mail_of(made, oak, pine, taken, 1))
    assert made.receive(pine, oak.domain, mail_of(made, oak, pine, post, 2)).taken is Taken.ACCEPTED
    after(made, HOUR)
    for server in (pine, birch):
        assert not delivered(server)
        assert server.store.post(post.key) is None
    assert made.relays[post.key] == 0
    assert birch.store.seen(taken.key) is not None


def test_f62_a_retraction_by_somebody_else() -> None:
    made = network()
    oak, pine, birch = made.servers
    post = made.write(oak)
    after(made, HOUR)
    forged = seal_retraction(pine.own, post.seal, date=made.time(pine))
    assert made.receive(birch, pine.domain, mail_of(made, pine, birch, forged)).why == "BADSEAL"
    assert birch.store.archive
    assert birch.events[Event.FORGED] == 1


def test_f63_an_edit_before_its_post() -> None:
    made = network()
    oak, pine, _ = made.servers
    post = made.sealed_post(oak)
    edit = seal_edit(oak.own, post.seal, OTHER, date=made.time(oak))
    made.receive(pine, oak.domain, mail_of(made, oak, pine, edit, 1))
    made.receive(pine, oak.domain, mail_of(made, oak, pine, post, 2))
    assert [(key.rev, way) for key, way in pine.store.delivered] == [(2, Way.EACH)]
    assert pine.store.archive[post.key.origin, post.key.post] == edit


@pytest.mark.parametrize(("notify", "way"), [(False, Way.ARCHIVE), (True, Way.EACH)])
def test_f64_an_edit_is_news_only_where_its_author_wants(notify: bool, way: Way) -> None:
    made = network()
    oak, pine, _ = made.servers
    post = made.write(oak)
    after(made, HOUR)
    edit = seal_edit(oak.own, post.seal, OTHER, date=made.time(oak), notify=notify)
    made.publish(oak, edit)
    after(made, HOUR)
    assert delivered(pine) == [(post.key.post, Way.EACH), (post.key.post, way)]
    assert pine.store.archive[post.key.origin, post.key.post] == edit
    assert pine.store.post(post.key) is None


def test_the_fourth_edit_is_no_news() -> None:
    made = network()
    oak, pine, _ = made.servers
    latest = made.write(oak)
    for _ in range(5):
        after(made, HOUR)
        latest = seal_edit(oak.own, latest.seal, OTHER, date=made.time(oak), notify=True)
        made.publish(oak, latest)
    after(made, HOUR)
    assert [way for _, way in delivered(pine)] == [Way.EACH] * 4 + [Way.ARCHIVE] * 2


def test_nothing_follows_a_retraction() -> None:
    made = network()
    oak, pine, _ = made.servers
    post = made.write(oak)
    after(made, HOUR)
    taken = retraction(made, oak, post)
    made.publish(oak, taken)
    after(made, HOUR)
    made.receive(pine, oak.domain, mail_of(made, oak, pine, seal_edit(oak.own, taken.seal, OTHER, date=made.time(oak))))
    assert not pine.store.archive
    assert len(pine.store.delivered) == 1


def test_a_retraction_reaches_who_has_left() -> None:
    made = network()
    oak, pine, birch = made.servers
    post = made.write(oak)
    after(made, HOUR)
    made.new_roster(2, [oak, pine])
    taken = retraction(made, oak, post)
    made.publish(oak, taken)
    far = out_of_reach(oak.store, oak.own, taken.seal, post.seal, made.time(oak))
    assert [entry.domain for entry in far] == [birch.domain]
    sent = direct_mail(oak.own, taken, far[0], 77)
    assert received_direct(birch.store, birch.own, sent.mail, made.time(birch)).taken is Taken.ACCEPTED
    assert not birch.store.archive
    after(made, HOUR)
    assert not pine.store.archive
    oak.store.rosters.pop(SPACE)
    assert out_of_reach(oak.store, oak.own, taken.seal, post.seal, made.time(oak)) == []


# Outages


def test_f66_three_days_away_and_forty_posts() -> None:
    made = network()
    pine = made.servers[1]
    made.outage(pine, made.now + MINUTE, made.now + 3 * DAY)
    for number in range(40):
        made.at(made.now + HOUR + number * HOUR, lambda: made.write(made.servers[0]))
    after(made, 3 * DAY + 2 * HOUR)
    assert len(pine.store.delivered) == 40
    assert made.mails["offer"] <= 6
    assert made.offered_first == 40
    assert made.received[pine.domain] == 40
    assert made.waiting() == 0


def test_f67_a_mail_is_lost() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    lost: list[int] = []

    def lose(server: Server, outgoing: Outgoing) -> Outgoing | None:
        mail = outgoing.mail
        if isinstance(mail, PostMail) and mail.hop.hop.seq == 5 and not lost:
            lost.append(5)
            return None
        return outgoing

    made.on_its_way = lose
    for _ in range(6):
        made.write(oak)
    after(made, 5 * MINUTE)
    assert len(pine.store.delivered) == 5
    after(made, 20 * MINUTE)
    assert len(pine.store.delivered) == 6
    assert made.mails["post"] == 6


def test_f68_the_last_mail_is_lost() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    lost: list[Outgoing] = []

    def lose(server: Server, outgoing: Outgoing) -> Outgoing | None:
        if isinstance(outgoing.mail, PostMail) and not lost:
            lost.append(outgoing)
            return None
        return outgoing

    made.on_its_way = lose
    made.write(oak)
    after(made, 75 * MINUTE)
    assert len(pine.store.delivered) == 1


def test_f69_all_statuses_are_lost() -> None:
    made = network()
    made.on_its_way = lambda server, outgoing: outgoing if isinstance(outgoing.mail, PostMail) else None
    for _ in range(3):
        made.write(made.servers[0])
    after(made, DAY)
    made.on_its_way = lambda server, outgoing: outgoing
    after(made, 2 * DAY)
    assert made.lost() == []
    assert made.doubles() == 0
    assert made.waiting() == 0


def test_f70_an_outbox_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.peer.outbox.MOST_WAITING", 10)
    made = network()
    oak, pine, _ = made.servers
    made.cut = lambda one, other: pine in (one, other)
    for _ in range(30):
        made.write(oak)
        after(made, 5 * MINUTE)
    assert oak.store.count_rows(pine.domain, *RowState) <= 12
    assert oak.events[Event.SKIPPED] > 0
    after(made, DAY)
    monkeypatch.undo()
    made.cut = lambda one, other: False
    after(made, 2 * HOUR)
    assert link_of(pine, oak).processed == ((1, link_of(oak, pine).next_seq - 1),), "what was given up is announced"
    after(made, 2 * DAY)
    assert made.lost() == [], "the ledgers have shown the difference"
    assert made.doubles() == 0


def test_f71_a_backup_comes_back() -> None:
    made = network()
    oak, pine, _ = made.servers
    made.write(oak)
    after(made, HOUR)
    backup = deepcopy(pine.store)
    lost = [made.write(oak), made.write(pine)]
    after(made, 3 * HOUR)
    old_epoch = link_of(pine, oak).epoch
    pine.store, pine.restored_at = backup, made.time(pine)
    restored(pine.store, {peer: made.letters(8) for peer in pine.store.by_peer}, made.time(pine))
    made._wake(pine)
    after(made, MINUTE)
    fresh = made.write(oak)
    after(made, 2 * DAY)
    assert link_of(oak, pine).peer_epoch == link_of(pine, oak).epoch != old_epoch
    ways = dict(delivered(pine))
    assert {ways[post.key.post] for post in lost} == {Way.MAY_REPEAT}
    assert ways[fresh.key.post] is Way.EACH
    assert len(delivered(pine)) == 4
    assert made.doubles() == 0, "nobody else gets anything again"


def test_f72_a_status_is_never_answered_by_one() -> None:
    made = network(2, {(0, 1)})
    after(made, 5 * DAY)
    statuses = made.mails["status"]
    assert statuses <= 2 * (5 * 24 / 20 + 2)


def test_f73_a_peer_takes_no_mail_for_an_hour() -> None:
    made = network(2, {(0, 1)})
    begin = made.now
    attempts: list[float] = []

    def refuses(one: Server, other: Server) -> bool:
        attempts.append(made.now)
        return made.now < begin + HOUR

    made.cut = refuses
    for _ in range(12):
        made.write(made.servers[0])
    after(made, 3 * HOUR)
    assert len(made.servers[1].store.delivered) == 12
    assert len([at for at in attempts if at < begin + HOUR]) <= 4 * 12


def test_f74_a_month_of_silence() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    made.outage(pine, made.now + 1, made.now + 33 * DAY)
    after(made, MINUTE)
    made.write(oak)
    after(made, 3 * DAY)
    assert oak.events[Event.STALE] == 1
    after(made, 29 * DAY)
    assert link_of(oak, pine).state is LinkState.DORMANT
    assert (oak.events[Event.DORMANT], oak.events[Event.STALE]) == (1, 1)
    assert made.waiting() == 0
    after(made, 3 * DAY)
    assert link_of(oak, pine).state is LinkState.ACTIVE, "it has come back"


def test_f75_one_withholds_and_another_has_it() -> None:
    made = network(4, {(0, 1), (1, 2), (0, 3)})  # birch hears of oak through pine alone
    oak, pine, birch, elm = made.servers
    made.on_its_way = lambda server, outgoing: (
        None if server is pine and outgoing.peer == birch.domain and isinstance(outgoing.mail, PostMail) else outgoing
    )
    posts = [made.write(oak) for _ in range(3)]
    after(made, 2 * HOUR)
    assert not delivered(birch)
    made.link(birch, elm)
    made._wake(birch)
    made._wake(elm)
    after(made, 2 * DAY)
    assert {post for post, _ in delivered(birch)} == {post.key.post for post in posts}
    offers = made.mails["offer"]
    made.on_its_way = lambda server, outgoing: outgoing
    after(made, DAY)
    assert made.mails["offer"] <= offers + 2, "what an answer has settled is not asked again"


# Control mails as mails


def test_a_control_mail_is_read_as_it_was_written() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    made.write(oak)
    after(made, 21 * HOUR)
    made.at(made.now, lambda: None)
    link = replace(link_of(oak, pine), due_at=made.time(oak), status_due=made.time(oak))
    oak.store.save_link(link)
    found = due(oak.store, oak.own, made.time(oak)).mails
    assert found
    for outgoing in found:
        assert isinstance(outgoing.mail, ControlMail)
        raw = write_control_mail(outgoing.mail, to=outgoing.address, message_id="<a@s0.example>", at=made.time(oak))
        assert read_control_mail(parse(raw)) == outgoing.mail
        assert parse(raw).value("auto-submitted") == "auto-generated"
        assert "You need not do anything" in made_text(raw)


def made_text(raw: bytes) -> str:
    from handlers import mime

    message = parse(raw)
    return mime.text(message, mime.parts(message)[0])


def test_a_post_goes_through_real_mails_all_the_way() -> None:
    made = network()

    def by_mail(server: Server, outgoing: Outgoing) -> Outgoing:
        if isinstance(outgoing.mail, PostMail):
            raw = write_post_mail(outgoing.mail.post, outgoing.mail.hop, to=outgoing.address, title="Plum Street")
            return replace(outgoing, mail=read_post_mail(parse(raw)))
        raw = write_control_mail(outgoing.mail, to=outgoing.address, message_id="<a@b.example>", at=made.time(server))
        return replace(outgoing, mail=read_control_mail(parse(raw)))

    made.on_its_way = by_mail
    post = made.write(made.servers[0])
    after(made, DAY)
    assert [delivered(server) for server in made.servers[1:]] == [[(post.key.post, Way.EACH)]] * 2
    assert made.servers[2].store.archive[post.key.origin, post.key.post].seal == post.seal


def test_an_old_status_counts_no_more() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    fields = (("v", "1"), ("type", "status"), ("from", oak.domain), ("to", pine.domain))

    def status(*more: tuple[str, str]) -> ControlMail:
        link = link_of(oak, pine)
        control = Control((*fields, *more, ("epoch", link.epoch), ("sent", "0"), ("peer-epoch", link.peer_epoch)))
        hop = Hop(oak.domain, pine.domain, link.epoch, 0, control_digest(control), oak.domain)
        return ControlMail(control, signed_hop(hop, oak.key))

    def taken(mail: ControlMail) -> Taken:
        return received_control(pine.store, pine.own, mail, token=oak.domain, now=made.time(pine)).taken

    assert taken(status(("time", "2026-11-22T09:00:00Z"), ("got", "0"))) is Taken.APPLIED
    assert taken(status(("time", "2026-11-22T09:00:00Z"), ("got", "0"))) is Taken.DROPPED
    assert taken(status(("time", "2026-11-22T08:59:00Z"), ("got", "0"))) is Taken.DROPPED
    assert taken(status(("time", "2026-11-22T09:01:00Z"), ("got", "-1"))) is Taken.DROPPED
    assert taken(status(("time", "2026-11-22T09:02:00Z"), ("got", "0"), ("miss", "7-3"))) is Taken.DROPPED


def test_kind_of_retraction_alone_may_come_from_who_has_left() -> None:
    made = network()
    oak, pine, birch = made.servers
    post = made.write(birch)
    after(made, HOUR)
    made.new_roster(2, [oak, pine])
    taken = retraction(made, birch, post)
    mail = mail_of(made, pine, oak, taken)
    assert made.receive(oak, pine.domain, mail).taken is Taken.ACCEPTED
    assert taken.seal.kind is Kind.RETRACT
    assert not oak.store.archive


# What the list has no number for


def large(made: Network, server: Server, size: int) -> SealedPost:
    departing = Departing(SPACE, 1, f"<plum.{server.domain}>", made.time(server), "bbbbbccccc", "Bob P.", 365)
    content = CONTENT + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)
    return seal_post(server.own, departing, Crossing("A film", content), post_name(bytes(range(17))))


def test_a_large_post_is_announced_before_it_is_sent() -> None:
    made = network()
    oak, pine, birch = made.servers
    post = large(made, oak, 300_000)
    made.publish(oak, post)
    after(made, HOUR)
    assert delivered(pine) == delivered(birch) == [(post.key.post, Way.EACH)]
    assert made.mails["want"] == made.relays[post.key] == 2, "nobody gets it twice"


def test_a_post_beyond_the_rules_is_refused() -> None:
    made = network()
    oak, pine, _ = made.servers
    post = large(made, oak, 17_000_000)
    assert made.receive(pine, oak.domain, mail_of(made, oak, pine, post)).why == "SIZE"


def test_a_post_under_a_roster_that_we_do_not_know_yet() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    roster = made.new_roster(2, made.servers, known_to=[oak])
    made.write(oak)
    after(made, 5 * MINUTE)
    assert pine.taken[Taken.HELD] == 1
    assert not pine.store.seen_forms
    pine.store.rosters[SPACE][2] = roster
    after(made, 75 * MINUTE)
    assert len(delivered(pine)) == 1


def test_no_more_is_on_its_way_than_the_window_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.peer.outbox.WINDOW", 5)
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    made.on_its_way = lambda server, outgoing: outgoing if isinstance(outgoing.mail, PostMail) else None
    for _ in range(12):
        made.write(oak)
    after(made, 30 * MINUTE)
    assert len(delivered(pine)) == 5
    made.on_its_way = lambda server, outgoing: outgoing
    after(made, 3 * HOUR)
    assert len(delivered(pine)) == 12


def test_no_more_is_sent_in_an_hour_than_agreed() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    for _ in range(150):
        made.write(oak)
    after(made, 50 * MINUTE)
    assert len(delivered(pine)) == 120
    after(made, 30 * MINUTE)
    assert len(delivered(pine)) == 150


def test_a_peer_that_asks_for_a_pause_gets_one() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    link = link_of(pine, oak)
    fields = (
        ("v", "1"), ("type", "status"), ("from", pine.domain), ("to", oak.domain), ("time", "2026-11-22T08:03:00Z"),
        ("epoch", link.epoch), ("sent", "0"), ("peer-epoch", link.peer_epoch), ("got", "0"), ("pause", "1800"),
    )  # fmt: skip
    control = Control(fields)
    hop = Hop(pine.domain, oak.domain, link.epoch, 0, control_digest(control), pine.domain)
    assert made.receive(oak, pine.domain, ControlMail(control, signed_hop(hop, pine.key))).taken is Taken.APPLIED
    made.write(oak)
    after(made, 29 * MINUTE)
    assert not delivered(pine)
    after(made, 3 * MINUTE)
    assert len(delivered(pine)) == 1


def test_a_number_that_leaps_is_not_believed() -> None:
    made = network()
    oak, pine, _ = made.servers
    mail = mail_of(made, oak, pine, made.sealed_post(oak), seq=10**9)
    assert made.receive(pine, oak.domain, mail).taken is Taken.DROPPED


def test_a_gap_that_nobody_fills_is_told_ever_more_rarely() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    made.receive(pine, oak.domain, mail_of(made, oak, pine, made.sealed_post(oak), seq=3000))
    after(made, 10 * DAY)
    assert made.mails["status"] < 100


def test_who_is_away_gets_one_mail_an_hour_whatever_waits() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    made.outage(pine, made.now + 1, made.now + 3 * DAY)
    tries: list[float] = []

    def counts(server: Server, outgoing: Outgoing) -> Outgoing:
        tries.append(made.now)
        return outgoing

    made.on_its_way = counts
    for number in range(300):
        made.at(made.now + HOUR + number * 10 * MINUTE, lambda: made.write(oak))
    after(made, DAY)
    tries.clear()
    after(made, DAY)
    assert len(tries) <= 24 + 3
    after(made, DAY + HOUR)
    assert len(delivered(pine)) == 300


def test_a_clock_that_was_wrong_once_does_no_harm_for_ever() -> None:
    made = network(2, {(0, 1)})
    oak, pine = made.servers
    pine.clock = 400 * DAY
    after(made, DAY)
    assert oak.events[Event.CLOCK] > 0
    pine.clock = 0.0
    pine.store.save_link(replace(link_of(pine, oak), status_at=None, status_due=None, due_at=made.time(pine)))
    made._wake(pine)
    after(made, 2 * DAY)
    for _ in range(3):
        made.write(oak)
    after(made, DAY)
    assert len(delivered(pine)) == 3
    assert made.waiting() == 0
