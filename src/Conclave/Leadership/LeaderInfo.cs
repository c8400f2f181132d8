namespace Conclave;

/// <summary>Who leads.</summary>
/// <param name="Value">What it tells about itself.</param>
/// <param name="Leader">Its place in the queue, with its token, and the process behind it as far as it is known.</param>
public sealed record LeaderInfo(ReadOnlyMemory<byte> Value, Contender Leader)
{
    /// <summary>The token of its leadership.</summary>
    public FencingToken Token => Leader.Token;
}
