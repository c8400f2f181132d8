using System.Collections.Immutable;

namespace Conclave.Storage;

/// <summary>The answer to a commit.</summary>
public sealed class CommitResult
{
    /// <summary>Builds an answer. For providers.</summary>
    /// <param name="accepted">Whether all conditions held.</param>
    /// <param name="revision">The revision of the state the reads saw.</param>
    /// <param name="reads">One array per read of the transaction, in its order.</param>
    public CommitResult(bool accepted, long revision, ImmutableArray<ImmutableArray<Entry>> reads) =>
        (Accepted, Revision, Reads) = (accepted, revision, reads);

    /// <summary>True when all conditions held and the writes were applied.</summary>
    public bool Accepted { get; }

    /// <summary>
    /// At least the commit's own revision, and not above the state that its reads saw: what to pass to
    /// <see cref="IStore.WaitForChangeAsync"/> so that no later change is missed.
    /// </summary>
    public long Revision { get; }

    /// <summary>The answers, one per read of the transaction: none or one entry for a get, the entries in key order for a scan.</summary>
    public ImmutableArray<ImmutableArray<Entry>> Reads { get; }

    /// <summary>The answer to a get.</summary>
    /// <param name="read">The position of the get among the transaction's reads.</param>
    /// <returns>The entry, or null when the key is absent.</returns>
    public Entry? Get(int read) => Reads[read] is [var entry, ..] ? entry : null;
}
