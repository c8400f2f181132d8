using System.Collections.Immutable;

namespace Conclave;

/// <summary>Who stood in a queue at one instant. For people and dashboards; it is old when you read it.</summary>
/// <param name="Name">The name of the lock.</param>
/// <param name="Contenders">Everybody in the queue, in its order.</param>
public sealed record ClaimQueueSnapshot(string Name, ImmutableArray<Contender> Contenders)
{
    /// <summary>Who holds it, or the first of several; null when it is free.</summary>
    public Contender? Holder => Contenders is [var first, ..] ? first : null;

    /// <summary>Everybody who holds it: one for a lock, several for readers, permits and groups.</summary>
    public ImmutableArray<Contender> Holders => [.. Contenders.Where(c => c.IsHolder)];

    /// <summary>Who waits, in the order in which they will get it.</summary>
    public ImmutableArray<Contender> Waiters => [.. Contenders.Where(c => !c.IsHolder)];
}

/// <summary>One contender of a queue.</summary>
/// <param name="Key">Its key in the store.</param>
/// <param name="Token">The fencing token it has, or will have when it is granted.</param>
/// <param name="Session">Its session in the store, or null for a foreign client's.</param>
/// <param name="Host">The host it runs on, or null when it does not say.</param>
/// <param name="Process">The name of its program, or null.</param>
/// <param name="ProcessId">The id of its process on that host, or null.</param>
/// <param name="Label">What it calls itself, or null.</param>
/// <param name="Since">When it joined the queue, by its own wall clock; a holder that had to wait joined before it was granted.</param>
/// <param name="IsHolder">True when it holds what it asked for, false while it waits.</param>
public sealed record Contender(
    string Key, FencingToken Token, string? Session, string? Host, string? Process, int? ProcessId, string? Label, DateTimeOffset? Since, bool IsHolder);
