namespace Conclave.Redis.Tests;

/// <summary>A resource that refuses smaller tokens than it has seen, and counts who believes to be alone in it.</summary>
internal sealed class FencedResource
{
    private readonly Lock _lock = new();
    private long _highest;
    private int _inside;

    public int Grants { get; private set; }

    public List<string> Violations { get; } = [];

    /// <summary>Works for a moment under a claim.</summary>
    public async Task UseAsync(Claim claim, TimeSpan moment)
    {
        lock (_lock)
        {
            Grants++;
            if (claim.Token.Value <= _highest)
            {
                Violations.Add($"token {claim.Token} after {_highest}");
            }

            _highest = Math.Max(_highest, claim.Token.Value);
            if (++_inside > 1 && claim.IsHeld)
            {
                Violations.Add($"{_inside} inside at token {claim.Token}");
            }
        }

        try
        {
            // a holder that learns of its loss stops, and is not inside any more
            await Task.Delay(moment, TimeProvider.System, claim.Lost).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            lock (_lock)
            {
                _inside--;
            }
        }
    }
}
