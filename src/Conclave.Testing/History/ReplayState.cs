using System.Collections.Immutable;
using System.Globalization;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>Why an operation does not fit.</summary>
/// <param name="Keys">On which keys.</param>
/// <param name="Text">A sentence.</param>
/// <param name="Signature">The same for the same operation against the same state.</param>
/// <param name="IsFinal">True when it does not fit later either: what it needs has been replaced.</param>
internal sealed record ReplayMismatch(ImmutableArray<string> Keys, string Text, string Signature, bool IsFinal = false);

/// <summary>What a whole history says about revisions.</summary>
/// <param name="Revisions">Those that belong to a commit of the history.</param>
/// <param name="Seen">Entries as somebody saw them, by key and revision.</param>
/// <param name="IsExcerpt">True when commits are missing: what they created may have any revision of creation.</param>
internal sealed record ReplayKnowledge(HashSet<long> Revisions, Dictionary<(string Key, long Revision), Entry> Seen, bool IsExcerpt);

/// <summary>A model together with what is known about its revision: at least <see cref="Floor"/>.</summary>
internal readonly record struct ReplayState(StoreModel Model, long Floor)
{
    /// <summary>Places a node here.</summary>
    /// <param name="node">The node.</param>
    /// <param name="next">The smallest revision that is still to come, this node's own left out.</param>
    /// <param name="known">What is known about revisions.</param>
    /// <param name="why">Why it does not fit.</param>
    /// <returns>The state after it, or null.</returns>
    public ReplayState? Step(ReplayNode node, long next, ReplayKnowledge known, out ReplayMismatch? why) => node.Kind switch
    {
        ReplayKind.Commit => Commit(node, next, known, out why),
        ReplayKind.Refusal => Refuse(node, out why),
        ReplayKind.RefusalReads => Read(node, Model, Floor, next, known, out why),
        ReplayKind.Expired => Expect(Model.DeadSession(node.Operation.Transaction!) is not null, node.Operation.Transaction!.Writes.First(w => w.Session is not null).Session!.Value, "it was told that its session is gone, which was alive", out why),
        ReplayKind.Renewal => Expect(Model.IsAlive(node.Operation.Session!.Value) == node.Operation.Renewed, node.Operation.Session!.Value, node.Operation.Renewed ? $"it renewed session {node.Operation.Session}, which {Gone(node.Operation.Session.Value)}" : "it was told that the session is gone, which was alive", out why),
        ReplayKind.Open => Open(node, out why),
        _ => End(node, next, out why),
    };

    public static string SessionKey(SessionId session) => "\0" + session.Value;

    private static ReplayMismatch Mismatch(string key, string text) => Mismatch(key, isFinal: false, text);

    private static ReplayMismatch Mismatch(string key, bool isFinal, string text) => new([key], text, key + ": " + text, isFinal);

    // every known revision up to the floor has been placed, and none comes back
    private static bool IsPast(long revision, long floor, ReplayKnowledge known) => revision <= floor && known.Revisions.Contains(revision);

    private ReplayState? Expect(bool condition, SessionId session, string text, out ReplayMismatch? why)
    {
        why = condition ? null : Mismatch(SessionKey(session), text);
        return condition ? this : null;
    }

    private string Gone(SessionId session) => Model.Knows(session) ? "was gone" : "nobody had opened";

    private ReplayState? Open(ReplayNode node, out ReplayMismatch? why)
    {
        var session = node.Operation.Session!.Value;
        why = Model.Knows(session) ? Mismatch(SessionKey(session), $"it opened session {session}, an id that was used before") : null;
        return why is null ? new(Model.Open(session), Floor) : null;
    }

    private ReplayState? End(ReplayNode node, long next, out ReplayMismatch? why)
    {
        why = null;
        var session = node.Operation.Session!.Value;
        if (!Model.IsAlive(session))
        {
            return this;
        }

        bool changes = Model.Owns(session);
        long floor = changes ? Math.Max(Floor, node.Acknowledged) + 1 : Floor;
        if (changes && floor >= next && !node.IsOptional)
        {
            why = Mismatch(SessionKey(session), "no revision is left for the end of the session");
            return null;
        }

        return new(Model.End(session), node.IsOptional ? Floor : floor);
    }

    private ReplayState? Commit(ReplayNode node, long next, ReplayKnowledge known, out ReplayMismatch? why)
    {
        var transaction = node.Operation.Transaction!;
        if (Model.DeadSession(transaction) is { } dead)
        {
            why = Mismatch(SessionKey(dead), Model.Knows(dead), $"it put with session {dead}, which {Gone(dead)}");
            return null;
        }

        var model = Model;
        foreach (var condition in transaction.Conditions)
        {
            if (Model.Find(condition.Key) is { Revision: < 0 } unseen && condition.Revision > 0 && !known.Revisions.Contains(condition.Revision))
            {
                // the client knew the revision from somewhere else: from now on so do we
                model = model.Set(condition.Key, unseen with { Revision = condition.Revision });
            }
            else if (!Model.Holds(condition))
            {
                why = Mismatch(condition.Key, IsPast(condition.Revision, Floor, known), $"it was accepted under the condition '{StoreText.Condition(condition)}', but {StoreText.Key(condition.Key)} was {StoreText.Entry(Model.Find(condition.Key))}");
                return null;
            }
        }

        bool changes = model.IsChangedBy(transaction);
        long floor = Floor;
        long? answered = node.Operation.Result?.Revision;
        if (changes)
        {
            // what nobody saw is placed late, behind changes with larger revisions than its own
            floor = node.IsOptional ? Floor : node.Exact ?? Math.Max(Floor, node.Acknowledged) + 1;
            if (!node.IsOptional && (floor <= Floor || floor >= next || floor > answered))
            {
                why = new([.. transaction.Writes.Select(w => w.Key)], $"its change fits no revision: it is above {Floor}, and below {Math.Min(next, (answered ?? long.MaxValue - 1) + 1).ToString(CultureInfo.InvariantCulture)}", "revision");
                return null;
            }

            model = model.Apply(transaction, node.Exact ?? -(node.Operation.Start + 1));
            if (node.Exact is { } exact && Unlike(transaction, exact, known, ref model) is { } unlike)
            {
                why = unlike;
                return null;
            }
        }

        if (node.Operation.Result is null || transaction.Reads.IsEmpty)
        {
            why = null;
            return new(model, floor);
        }

        return Read(node, model, floor, next, known, out why);
    }

    /// <summary>Compares what a commit puts with what somebody saw of it, then or later.</summary>
    private static ReplayMismatch? Unlike(Transaction transaction, long revision, ReplayKnowledge known, ref StoreModel model)
    {
        foreach (var write in transaction.Writes)
        {
            if (!write.IsDelete && known.Seen.TryGetValue((write.Key, revision), out var seen))
            {
                var entry = model.Find(write.Key)!;
                if (!Matches(entry, seen, known))
                {
                    string key = StoreText.Key(write.Key);
                    return new([write.Key], $"{key} = {StoreText.Entry(seen)} was seen of what it put, but it was {StoreText.Entry(entry)}", $"{key}:{revision}:put");
                }

                model = entry.CreateRevision == seen.CreateRevision ? model : model.Set(write.Key, seen);
            }
        }

        return null;
    }

    private ReplayState? Refuse(ReplayNode node, out ReplayMismatch? why)
    {
        var conditions = node.Operation.Transaction!.Conditions;
        foreach (var condition in conditions)
        {
            if (!Model.Holds(condition))
            {
                why = null;
                return this;
            }
        }

        why = new([.. conditions.Select(c => c.Key)], "it was refused, but its conditions held: " + string.Join(", ", conditions.Select(StoreText.Condition)), "refused");
        return null;
    }

    private ReplayState? Read(ReplayNode node, StoreModel model, long floor, long next, ReplayKnowledge known, out ReplayMismatch? why)
    {
        var result = node.Operation.Result!;
        for (int i = 0; i < result.Reads.Length; i++)
        {
            var read = node.Operation.Transaction!.Reads[i];
            using var expected = model.Answer(read).GetEnumerator();
            foreach (var seen in result.Reads[i])
            {
                var entry = expected.MoveNext() ? expected.Current : null;
                if (entry is null || entry.Key != seen.Key || !Matches(entry, seen, known))
                {
                    why = Differs(read, seen, model, entry, IsPast(seen.Revision, Floor, known));
                    return null;
                }

                model = entry.Revision == seen.Revision && entry.CreateRevision == seen.CreateRevision ? model : model.Set(seen.Key, seen);
            }

            if (expected.MoveNext())
            {
                why = Missing(read, expected.Current);
                return null;
            }
        }

        if (result.Revision >= next)
        {
            why = new([], string.Create(CultureInfo.InvariantCulture, $"it was answered with revision {result.Revision}, but its reads do not show the change with revision {next}"), "ahead");
            return null;
        }

        why = null;
        return new(model, Math.Max(floor, result.Revision));
    }

    private static bool Matches(Entry entry, Entry seen, ReplayKnowledge known) =>
        (entry.Revision == seen.Revision || (entry.Revision < 0 && !known.Revisions.Contains(seen.Revision)))
        && (entry.CreateRevision == seen.CreateRevision
            || (entry.CreateRevision < 0 && seen.CreateRevision == seen.Revision)
            || ((entry.CreateRevision < 0 || known.IsExcerpt) && !known.Revisions.Contains(seen.CreateRevision)))
        && entry.Session == seen.Session
        && entry.Value.Span.SequenceEqual(seen.Value.Span);

    private static ReplayMismatch Differs(Read read, Entry seen, StoreModel model, Entry? inItsPlace, bool isPast)
    {
        var entry = model.Find(seen.Key);
        string key = StoreText.Key(seen.Key);
        if (inItsPlace is not null && inItsPlace.Key != seen.Key && entry is not null)
        {
            return Missing(read, inItsPlace);
        }

        string text = $"'{StoreText.Read(read)}' saw {key} = {StoreText.Entry(seen)}, but it was {StoreText.Entry(entry)}";

        // a revision of creation changes while a history is made shorter, the state that was expected does not
        return new([seen.Key], text, $"{key}:{seen.Revision}:{entry?.Revision}", isPast);
    }

    private static ReplayMismatch Missing(Read read, Entry entry) =>
        new([entry.Key], $"'{StoreText.Read(read)}' did not see {StoreText.Key(entry.Key)} = {StoreText.Entry(entry)}", $"{entry.Key}:absent:{entry.Revision}");
}
