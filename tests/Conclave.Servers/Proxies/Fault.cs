namespace Conclave.Servers;

/// <summary>What a way through the proxy does with the bytes.</summary>
internal enum Passage
{
    Open,

    /// <summary>Bytes wait.</summary>
    Held,

    /// <summary>Bytes are lost.</summary>
    Lost,
}

/// <summary>What happens on one way at present. Never changed: another takes its place.</summary>
internal sealed class Fault
{
    private readonly TaskCompletionSource _replaced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _isUsedUp;

    public static Fault None => new();

    public Passage Passage { get; init; }

    public TimeSpan Delay { get; init; }

    public TimeSpan Jitter { get; init; }

    /// <summary>After how many bytes of a connection it is cut.</summary>
    public long? CutAfter { get; init; }

    /// <summary>Whether only the first connection that comes so far is cut.</summary>
    public bool CutsOnce { get; init; }

    /// <summary>Ends when another fault takes the place of this one.</summary>
    public Task Replaced => _replaced.Task;

    public void Replace() => _replaced.TrySetResult();

    /// <summary>Whether a connection that has come so far is to be cut.</summary>
    public bool TakeCut() => !CutsOnce || Interlocked.Exchange(ref _isUsedUp, 1) == 0;
}
