namespace Conclave;

/// <summary>Why a session was lost.</summary>
internal enum SessionLossCause
{
    /// <summary>The local deadline passed without a successful renewal.</summary>
    DeadlinePassed,

    /// <summary>The store said that the session is gone.</summary>
    GoneFromStore,

    /// <summary>The client was disposed.</summary>
    ClientDisposed,
}
