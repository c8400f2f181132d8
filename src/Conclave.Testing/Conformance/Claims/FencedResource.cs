namespace Conclave.Testing;

/// <summary>What a claim protects, as it should be: it remembers the newest token that it has seen, and refuses what comes with an older one.</summary>
internal sealed class FencedResource
{
    private readonly Lock _lock = new();
    private FencingToken _newest;

    public string Content { get; private set; } = "";

    /// <returns>False when the write came too late.</returns>
    public bool Write(FencingToken token, string content)
    {
        lock (_lock)
        {
            if (token < _newest)
            {
                return false;
            }

            (_newest, Content) = (token, content);
            return true;
        }
    }
}
