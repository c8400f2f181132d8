namespace Conclave.Storage;

/// <summary>Names a session of a store. Opaque to everyone but its engine; ASCII letters, digits and dashes only. Never reused.</summary>
/// <param name="Value">The text.</param>
public readonly record struct SessionId(string Value)
{
    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>A session that was opened.</summary>
/// <param name="Id">Its id.</param>
/// <param name="TimeToLive">The effective time to live: what was asked for, or more where the engine has a larger minimum.</param>
public readonly record struct SessionGrant(SessionId Id, TimeSpan TimeToLive);
