"""What became of every message of every robot, and whether that is what is promised."""
import bisect, collections, math

from .load import FIRST
from .processes import percentile

BOUND, WINDOW = 5.0, 1.0  # nats.failover, and the length of a window, in s
QUIET = ("no samples arrive", "the stream ended")  # why a surface is unknown after the last sample


def partition(robot):
    """The partition of a robot: the servers take the FNV-1a hash of its name."""
    value = 0x811C9DC5
    for byte in f"r{robot:06d}".encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value % 64


class Decisions:
    """Predictions of one kind of observer, by robot and in the order in which they came."""

    def __init__(self, robots, recorded):
        self.rows = [[] for _ in range(robots)]
        for one in recorded:
            names = [name.decode() for name in one.names]
            for robot, at, came, source, surface in zip(one.robot, one.time, one.came, one.source, one.surface):
                self.rows[robot].append((came, at, source, names[surface]))
        for rows in self.rows:
            rows.sort(key=lambda row: row[0])

    def waits(self, robot, stored, warm):
        """The times without a prediction: how long, from when, until when. A robot waits from its last prediction on, or
        from when the servers have stored its next message, whichever is later."""
        newest, last = warm, -math.inf
        for came, at, _, _ in self.rows[robot]:
            second = math.floor(at + 1e-3) - FIRST
            if second > newest:
                following = next((stored[each] for each in range(newest + 1, second + 1) if stored[each] == stored[each]), None)
                if following is not None:
                    since = max(last, following)
                    yield came - since, since, came
                newest = second
                last = came
        rest = next((moment for moment in stored[newest + 1:] if moment == moment), None)
        if rest is not None:
            since = max(last, rest)
            yield math.inf, since, math.inf


def overlap(spans):
    """When all of several observers were blind."""
    return [(max(a, c), min(b, d)) for a, b in spans[0] for c, d in spans[1] if max(a, c) < min(b, d)]


def judge(robots, load, begun, printed, watchers, lives, events, final, warm, nodes):
    """The rows of the table, what is broken, and the details."""
    row, broken, details = {}, [], {"events": [(round(at - begun, 2), what) for at, what in events]}
    decided = Decisions(robots, [printed])
    seen = Decisions(robots, [watcher[0] for watcher in watchers])
    blind = overlap([watcher[2] for watcher in watchers])
    blind = [(a, b) for a, b in blind if b > begun + warm]
    stored = load["stored"]
    messages = robots * len(stored[0])
    kept = sum(moment == moment for times in stored for moment in times)
    delays = sorted(moment - (begun + second + index * 100 // robots / 100)
                    for index, times in enumerate(stored) for second, moment in enumerate(times) if moment == moment)
    row |= {"robots": robots, "messages due": messages, "messages never stored": messages - kept, "sent again": load["again"],
            "refused by the stream": load["refused"], "from due to stored p50, ms": f"{1e3 * percentile(delays, 0.5):.1f}",
            "from due to stored p99, ms": f"{1e3 * percentile(delays, 0.99):.0f}", "from due to stored max, s": f"{delays[-1]:.1f}",
            "generator late p99, ms": f"{1e3 * percentile(load['late'], 0.99):.0f}", "generator late max, ms": f"{1e3 * max(load['late']):.0f}"}

    def around(since):
        return "; ".join(f"{at - begun:.1f} {what}" for at, what in events if since - 25 < at < since + 6)

    for name, decisions in (("seen over MQTT", seen), ("printed by a node", decided)):
        waits = [(wait, robot, since, until) for robot in range(robots) for wait, since, until in decisions.waits(robot, stored[robot], warm)]
        ended = max((until for _, _, _, until in waits if until < math.inf), default=begun)
        waits = [(min(wait, ended + 5 - since), robot, since, min(until, ended + 5)) for wait, robot, since, until in waits]
        unjudged = [each for each in waits if name == "seen over MQTT" and any(a < each[3] and b > each[2] for a, b in blind) and each[0] > BOUND + WINDOW]
        long = [each for each in waits if each[0] > BOUND + WINDOW and each not in unjudged]
        long.sort(reverse=True)
        # Predictions are published once. Those that are on their way over a server when it is killed are lost with it.
        killed = [at for at, what in events if what.startswith("killed server")] if name == "seen over MQTT" else []
        lost = [each for each in long if any(abs(at - each[2]) < 1 for at in killed)]
        long = [each for each in long if each not in lost]
        lengths = [each[0] for each in waits]
        row |= {f"robots without a prediction for over 6 s, {name}": len({robot for _, robot, _, _ in long}),
                f"times that happened, {name}": len(long),
                f"longest time without one, {name}, s": f"{max(lengths, default=0):.2f}",
                f"p99.9 of these times, {name}, s": f"{percentile(lengths, 0.999):.2f}"}
        if lost:
            row["further times because a prediction was lost with a server"] = len(lost)
        if unjudged:
            row["further times while both subscribers were blind"] = len(unjudged)
        details[f"long waits, {name}"] = [dict(robot=robot, partition=partition(robot), wait=round(wait, 2), since=round(since - begun, 2), near=around(since))
                                          for wait, robot, since, _ in long[:400]]
        when = collections.Counter((int(since - begun) // 5 * 5, partition(robot)) for _, robot, since, _ in long)
        details[f"long waits by when they began and partition, {name}"] = sorted(when.items())
        if long:
            broken.append(f"{len({each[1] for each in long})} robots had no prediction for more than 6 s ({name})")

    # Every stored message has a prediction.
    missing = {"printed": 0, "seen": 0}
    examples = []
    for index, times in enumerate(stored):
        printed_seconds = {math.floor(at + 1e-3) - FIRST for _, at, _, _ in decided.rows[index]}
        seen_seconds = {math.floor(at + 1e-3) - FIRST for _, at, _, _ in seen.rows[index]}
        for second, moment in enumerate(times):
            if second > warm and moment == moment:
                missing["seen"] += second not in seen_seconds
                if second not in printed_seconds:
                    missing["printed"] += 1
                    if second not in seen_seconds:
                        examples.append((round(moment - begun, 2), index, partition(index), second))
    row |= {"stored messages without a printed prediction": missing["printed"], "stored messages without a prediction seen over MQTT": missing["seen"]}
    details["messages without any prediction"] = len(examples)
    details["messages without any prediction, by when they were stored"] = sorted(collections.Counter((int(at), part) for at, _, part, _ in examples).items())
    chosen = []
    for at, index, part, second in examples[::max(1, len(examples) // 40)]:
        around_it = [(round(came - begun, 2), time, nodes[source]) for came, time, source, _ in decided.rows[index] if abs(time - FIRST - second) < 4]
        chosen.append((at, index, part, second, around_it))
    details["examples of messages without any prediction"] = chosen

    # Order. `lives` says for each pipe when which process began to write to it. What is delivered again is decided again,
    # also by a node that had given the robot up; but nothing may be decided for the first time after what follows it.
    same, across, late, most, late_examples, same_examples = 0, 0, 0, 0.0, [], []
    starts = {source: [at for at, _ in entries] for source, entries in lives.items()}
    for robot, rows in enumerate(decided.rows):
        last, before = None, set()
        for came, at, source, _ in rows:
            life = source, bisect.bisect(starts[source], came)
            if last and at <= last[0] + 1e-6:
                if at not in before:
                    late += 1
                    late_examples.append((round(came - begun, 2), robot, partition(robot), last[0], at, nodes[source]))
                elif life == last[1]:
                    same += 1
                    same_examples.append((round(came - begun, 2), robot, partition(robot), last[0], at, nodes[source]))
                else:
                    across += 1
                most = max(most, last[0] - at)
            before.add(at)
            last = at, life
    row |= {"predictions out of order": late, "predictions again on another node": across, "predictions again on the same node": same,
            "furthest back, s": f"{most:.2f}"}
    details["out of order"], details["again on the same node"] = late_examples[:200], same_examples[:200]
    if late:
        broken.append(f"{late} predictions were decided after a later one of the same robot")

    # Surfaces.
    back, stale, back_examples, stale_examples, reasons, last_surface = 0, 0, [], [], collections.Counter(), {}
    known = {}
    for watcher in watchers:
        for robot, at, came, kept_one, surface, previous, reason, node in watcher[1]:
            if not kept_one:
                known.setdefault(robot, []).append((came, at))
    for entries in known.values():
        entries.sort()
    for which, watcher in enumerate(watchers):
        last = {}
        for robot, at, came, kept_one, surface, previous, reason, node in watcher[1]:
            if kept_one:
                before = max((time for moment, time in known.get(robot, ()) if moment < came - 1), default=-math.inf)
                if at < before - 1e-6:
                    stale += 1
                    stale_examples.append((round(came - begun, 2), robot, before, at, node, reason))
                continue
            if at < last.get(robot, (-math.inf,))[0] - 1e-6:
                back += 1
                back_examples.append((round(came - begun, 2), robot, last[robot], (at, node, reason)))
            last[robot] = at, node, reason
            reasons[reason or "decided"] += which == 0
            if came > last_surface.get(robot, (-math.inf,))[0]:
                last_surface[robot] = came, at, surface, previous, reason
    row |= {"surfaces seen": sum(reasons.values()), "surfaces whose time went back": back, "older ones at a new subscription": stale}
    details["surfaces by reason"] = reasons
    details["surfaces that went back"], details["older surfaces at a new subscription"] = back_examples[:100], stale_examples[:40]
    if back:
        broken.append(f"the time of {back} surfaces went back")
    wrong, lost, examples = 0, 0, []
    for robot in range(robots):
        if robot not in final:
            lost += 1
            continue
        surface = final[robot]
        found = surface.get("previous") if surface.get("reason") in QUIET else surface["surface"]
        rows = [each for each in decided.rows[robot]] or seen.rows[robot]
        wanted = max(rows, key=lambda each: each[1])[3] if rows else None
        if found != wanted:
            wrong += 1
            examples.append((robot, found, wanted, surface, last_surface.get(robot), rows[-3:]))
    row |= {"robots without a retained surface at the end": lost, "robots whose retained surface is not the last decision": wrong}
    details["retained surfaces that are wrong"] = examples[:40]
    if lost or wrong:
        broken.append(f"at the end {lost} robots had no retained surface, and {wrong} a wrong one")

    # Failovers.
    kinds = collections.defaultdict(list)
    every = []
    arrivals = [[came for came, *_ in rows] for rows in decided.rows]
    for moment, what in events:
        kind, _, name = what.partition(" node ")
        if kind not in ("killed", "stopped", "joined"):
            continue
        source = nodes.index(name)
        taken = []
        for robot, rows in enumerate(decided.rows):
            at = bisect.bisect(arrivals[robot], moment)
            if kind == "joined" or not at or rows[at - 1][2] != source:
                continue
            following = next((came for came, _, other, _ in rows[at:] if other != source), None)
            taken.append(math.inf if following is None else following - moment)
        if taken:
            kinds[kind] += taken
            every.append((round(moment - begun, 1), what, len(taken), round(percentile(taken, 0.5), 2), round(max(taken), 2)))
    for kind, name in (("killed", "killed"), ("stopped", "stopped with SIGTERM")):
        if kinds[kind]:
            row[f"robots of nodes that were {name}"] = len(kinds[kind])
            row[f"first prediction elsewhere, {name}: p50, p99, max, s"] = ", ".join(
                f"{value:.1f}" for value in (percentile(kinds[kind], 0.5), percentile(kinds[kind], 0.99), max(kinds[kind])))
    details["failovers"] = every
    row["both subscribers blind, s"] = f"{sum(b - a for a, b in blind):.1f}"
    details["blind"] = [[(round(a - begun, 2), round(b - begun, 2)) for a, b in watcher[2]] for watcher in watchers]
    details["problems of the subscribers"] = [[(round(at - begun, 2), why) for at, why in watcher[3]][:40] for watcher in watchers]
    return row, broken, details
