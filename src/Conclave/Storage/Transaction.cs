using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Conclave.Storage;

/// <summary>
/// Conditions, writes and reads that are applied as one. Immutable. Its constructor checks the limits of <see cref="StoreLimits"/>,
/// so a provider never sees a transaction that is too large for any engine.
/// </summary>
public sealed class Transaction
{
    /// <summary>Builds a transaction.</summary>
    /// <param name="conditions">All of them must hold, or nothing is written.</param>
    /// <param name="writes">Puts and deletes, at most one per key.</param>
    /// <param name="reads">Answered after the writes.</param>
    /// <exception cref="ArgumentException">A key is empty, too long, holds control characters or unpaired surrogates; two writes name one key;
    /// there are more than <see cref="StoreLimits.MaxOperations"/> operations or more than <see cref="StoreLimits.MaxTransactionBytes"/> bytes.</exception>
    public Transaction(ReadOnlySpan<Condition> conditions = default, ReadOnlySpan<Write> writes = default, ReadOnlySpan<Read> reads = default)
    {
        StoreLimits.Check(conditions, writes, reads);
        Conditions = ImmutableCollectionsMarshal.AsImmutableArray(conditions.ToArray());
        Writes = ImmutableCollectionsMarshal.AsImmutableArray(writes.ToArray());
        Reads = ImmutableCollectionsMarshal.AsImmutableArray(reads.ToArray());
    }

    /// <summary>What must hold.</summary>
    public ImmutableArray<Condition> Conditions { get; }

    /// <summary>What is changed.</summary>
    public ImmutableArray<Write> Writes { get; }

    /// <summary>What is answered.</summary>
    public ImmutableArray<Read> Reads { get; }

    /// <summary>True when there is nothing to write.</summary>
    public bool IsReadOnly => Writes.IsEmpty;
}
