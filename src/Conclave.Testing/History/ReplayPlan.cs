using System.Runtime.InteropServices;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>What a replay has to place, in the order in which it began.</summary>
internal sealed class ReplayNode
{
    public required int Index { get; init; }

    public required StoreOperation Operation { get; init; }

    public required ReplayKind Kind { get; init; }

    public required long Start { get; init; }

    /// <summary>The node must be placed before everything that began after this.</summary>
    public required long End { get; init; }

    /// <summary>The revision of the commit, where somebody saw it.</summary>
    public long? Exact { get; set; }

    /// <summary>The highest revision that anybody knew before this began.</summary>
    public long Acknowledged { get; set; }

    /// <summary>May be placed, once, or not at all.</summary>
    public bool IsOptional { get; set; }

    public ReplayNode? After { get; init; }

    public bool IsPlaced { get; set; }

    public ReplayNode Before { get; set; } = null!;

    public ReplayNode Following { get; set; } = null!;
}

internal enum ReplayKind
{
    Commit,
    Refusal,
    RefusalReads,
    Expired,
    Open,
    Renewal,
    Close,
    End,
}

/// <summary>A rule that a history breaks, before any search.</summary>
internal sealed record ReplayFailure(string Signature, string Reason, IReadOnlyList<StoreOperation> Culprits);

/// <summary>Finds out from what was read which commit had which revision, and refuses what no order can explain.</summary>
internal sealed partial class ReplayPlan
{
    private readonly IReadOnlyList<StoreOperation> _history;
    private readonly Dictionary<StoreOperation, ReplayNode> _commits = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<(string Key, string Value), List<StoreOperation>> _writers = [];

    /// <summary>Makes a plan.</summary>
    /// <param name="history">The operations in the order in which they began.</param>
    /// <param name="facts">The revisions of commits that are known from a longer history, when this is an excerpt; else null.</param>
    /// <param name="guess">True to take the revision of an answer for that of the commit, which it is on most engines: an order that is found
    /// this way is an order, but there may be others.</param>
    public ReplayPlan(IReadOnlyList<StoreOperation> history, Dictionary<StoreOperation, long>? facts = null, bool guess = false)
    {
        _history = history;
        IsExcerpt = facts is not null;
        foreach (var operation in history)
        {
            AddNodes(operation);
            foreach (var write in operation.Transaction?.Writes ?? [])
            {
                if (!write.IsDelete)
                {
                    (CollectionsMarshal.GetValueRefOrAddDefault(_writers, (write.Key, Text(write.Value)), out _) ??= []).Add(operation);
                    if (write.Session is { } session)
                    {
                        (CollectionsMarshal.GetValueRefOrAddDefault(SessionsOf, write.Key, out _) ??= []).Add(session);
                    }
                }
            }
        }

        foreach (var (operation, node) in _commits)
        {
            if (facts is not null && facts.TryGetValue(operation, out long revision))
            {
                node.Exact = revision;
            }
        }

        Failure = Attribute();
        if (guess)
        {
            Guess();
        }

        Failure ??= Order();
    }

    public bool IsExcerpt { get; }

    /// <summary>The revisions of commits as far as they are known.</summary>
    public Dictionary<StoreOperation, long> Facts()
    {
        var facts = new Dictionary<StoreOperation, long>(ReferenceEqualityComparer.Instance);
        foreach (var (operation, node) in _commits)
        {
            // an unknown commit took effect only if somebody saw it, who must not be left out then
            if (node.Exact is { } revision && operation.Outcome == CallOutcome.Answered)
            {
                facts.Add(operation, revision);
            }
        }

        return facts;
    }

    public List<ReplayNode> Nodes { get; } = [];

    /// <summary>Which sessions an entry of a key may belong to.</summary>
    public Dictionary<string, HashSet<SessionId>> SessionsOf { get; } = new(StringComparer.Ordinal);

    /// <summary>Entries as they were first seen, by key and revision.</summary>
    public Dictionary<(string Key, long Revision), Entry> Seen { get; } = [];

    public ReplayFailure? Failure { get; }

    private static string Text(ReadOnlyMemory<byte> value) => Convert.ToHexString(value.Span);

    private static bool MayHaveWritten(StoreOperation operation) =>
        operation.Outcome == CallOutcome.Unknown || operation is { Outcome: CallOutcome.Answered, Result.Accepted: true };

    private void AddNodes(StoreOperation operation)
    {
        bool unknown = operation.Outcome == CallOutcome.Unknown;
        ReplayNode? node = (operation.Call, operation.Outcome) switch
        {
            (_, CallOutcome.NotApplied) => null,
            (StoreCall.Commit, CallOutcome.Unknown) => operation.Transaction!.IsReadOnly ? null : Add(operation, ReplayKind.Commit, optional: true),
            (StoreCall.Commit, CallOutcome.SessionExpired) => Add(operation, ReplayKind.Expired),
            (StoreCall.Commit, _) => Add(operation, operation.Result!.Accepted ? ReplayKind.Commit : ReplayKind.Refusal),
            (StoreCall.CloseSession, _) => Add(operation, ReplayKind.Close, unknown),
            (StoreCall.RenewSession, _) => unknown ? null : Add(operation, ReplayKind.Renewal),
            _ => unknown ? null : Add(operation, ReplayKind.Open),
        };
        if (node is { Kind: ReplayKind.Refusal } && !operation.Transaction!.Reads.IsEmpty)
        {
            Add(operation, ReplayKind.RefusalReads, after: node);
        }
        else if (node is { Kind: ReplayKind.Open })
        {
            // it may end by itself
            Add(operation, ReplayKind.End, optional: true, node);
        }
        else if (node is { Kind: ReplayKind.Commit })
        {
            _commits.Add(operation, node);
        }
    }

    private ReplayNode Add(StoreOperation operation, ReplayKind kind, bool optional = false, ReplayNode? after = null)
    {
        var node = new ReplayNode
        {
            Index = Nodes.Count,
            Operation = operation,
            Kind = kind,
            Start = operation.Start,
            End = optional ? long.MaxValue : operation.End,
            IsOptional = optional,
            After = after,
        };
        Nodes.Add(node);
        return node;
    }

    private ReplayFailure? Attribute()
    {
        foreach (var reader in _history)
        {
            if (reader is not { Result: { } result, Transaction: { } transaction })
            {
                continue;
            }

            for (int i = 0; i < transaction.Reads.Length; i++)
            {
                var failure = CheckAnswer(reader, transaction.Reads[i], result.Reads[i]);
                foreach (var entry in result.Reads[i])
                {
                    Seen.TryAdd((entry.Key, entry.Revision), entry);
                    failure ??= Attribute(reader, entry);
                }

                if (failure is not null)
                {
                    return failure;
                }
            }
        }

        return null;
    }

    private ReplayFailure? Attribute(StoreOperation reader, Entry entry)
    {
        string what = $"{StoreText.Key(entry.Key)} = {StoreText.Entry(entry)}";
        var all = _writers.GetValueOrDefault((entry.Key, Text(entry.Value))) ?? [];
        var possible = all.Where(MayHaveWritten).ToList();
        if (possible.Count == 0)
        {
            return all is [var writer, ..]
                ? new($"dirty:{entry.Key}", $"{what} was read, but the only commit that put this value was {(writer.Outcome == CallOutcome.Answered ? "refused" : $"without effect ({StoreText.Outcome(writer)})")}", [writer, reader])
                : new($"nobody:{entry.Key}", $"{what} was read, but nobody put this value", [reader]);
        }

        bool own = possible.Contains(reader);
        if (possible.Count > 1 && !own)
        {
            return null;
        }

        var node = _commits[own ? reader : possible[0]];
        if (node.Exact is { } known && known != entry.Revision)
        {
            var other = FirstToSee(node.Operation, known);
            return new($"twice:{entry.Key}", $"{what} was read, but the commit that put it was seen at revision {known} as well: a commit takes effect once, at one revision", [node.Operation, other, reader]);
        }

        if (entry.CreateRevision > entry.Revision)
        {
            return new($"create:{entry.Key}", $"{what} was read: an entry cannot be created after it was put", [node.Operation, reader]);
        }

        (node.Exact, node.IsOptional) = (entry.Revision, false);
        return null;
    }

    private void Guess()
    {
        foreach (var (operation, node) in _commits)
        {
            if (node.Exact is null && operation is { Result.Revision: > 0 } && operation.Transaction!.Writes.Any(w => !w.IsDelete))
            {
                node.Exact = operation.Result.Revision;
            }
        }
    }

    private StoreOperation FirstToSee(StoreOperation writer, long revision) =>
        _history.First(o => o.Result is { } r && r.Reads.Any(read => read.Any(e => e.Revision == revision && writer.Transaction!.Writes.Any(w => w.Key == e.Key))));
}
