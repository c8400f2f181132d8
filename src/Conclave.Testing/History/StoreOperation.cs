using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>One recorded call of a store, with what is known about its outcome.</summary>
public sealed record StoreOperation
{
    /// <summary>Which call.</summary>
    public required StoreCall Call { get; init; }

    /// <summary>Who called.</summary>
    public required int Client { get; init; }

    /// <summary>When it began, in the sequence numbers of its history.</summary>
    public required long Start { get; init; }

    /// <summary>When it ended; a call that ended before another began precedes it. <see cref="long.MaxValue"/> while it is under way.</summary>
    public required long End { get; init; }

    /// <summary>What is known about the outcome.</summary>
    public required CallOutcome Outcome { get; init; }

    /// <summary>What was committed; null for the calls of sessions.</summary>
    public Transaction? Transaction { get; init; }

    /// <summary>The answer to a commit, when it was answered.</summary>
    public CommitResult? Result { get; init; }

    /// <summary>The session that was opened, renewed or closed.</summary>
    public SessionId? Session { get; init; }

    /// <summary>The answer to a renewal, when it was answered.</summary>
    public bool Renewed { get; init; }

    /// <summary>Describes the call and its outcome in one line.</summary>
    public override string ToString() => $"{StoreText.Describe(this)}: {StoreText.Outcome(this)}";
}

/// <summary>The calls of a store that a history holds. Waits are hints and no part of the state.</summary>
public enum StoreCall
{
    /// <summary><see cref="IStore.CommitAsync"/>.</summary>
    Commit,

    /// <summary><see cref="IStore.OpenSessionAsync"/>.</summary>
    OpenSession,

    /// <summary><see cref="IStore.RenewSessionAsync"/>.</summary>
    RenewSession,

    /// <summary><see cref="IStore.CloseSessionAsync"/>.</summary>
    CloseSession,
}

/// <summary>What is known about the outcome of a call.</summary>
public enum CallOutcome
{
    /// <summary>It was answered.</summary>
    Answered,

    /// <summary>It is proven that it had no effect.</summary>
    NotApplied,

    /// <summary>The commit put with a session that was gone, and wrote nothing.</summary>
    SessionExpired,

    /// <summary>It may have taken effect, once, at any time after it began, also after it ended; or never.</summary>
    Unknown,
}
