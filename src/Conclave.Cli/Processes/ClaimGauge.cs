using Conclave.Cli.Output;

namespace Conclave.Cli.Processes;

/// <summary>How much safe time a claim has left, and whether it was renewed since the last reading.</summary>
internal sealed class ClaimGauge(Claim claim, HeldTool tool, TimeProvider time) : IGauge
{
    // a wall clock that was set forward makes a claim uncertain until the next renewal, which is then under way
    private static readonly TimeSpan Confirmation = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Noise = TimeSpan.FromMilliseconds(1);

    private long _deadline = time.GetTimestamp() + Ticks(claim.SafeTime, time);
    private long? _uncertainSince;

    public string Noun => tool.Noun;

    public (string Name, string Value)[] Variables => [(tool.Variable, claim.Name), ("CONCLAVE_TOKEN", claim.Token.ToString())];

    public TimeSpan SafeTime => claim.SafeTime;

    public bool IsSafe => claim.State == ClaimState.Safe;

    /// <summary>True when the claim is gone for good, or may be.</summary>
    public bool IsLost => Left is { } left && left <= TimeSpan.Zero;

    /// <summary>Why it is lost.</summary>
    public string Cause
    {
        get
        {
            try
            {
                claim.ThrowIfLost();
                return "it could not be renewed in time";
            }
            catch (ClaimLostException e)
            {
                return e.Cause;
            }
        }
    }

    /// <summary>The safe time that is left, or null while it is uncertain for a moment.</summary>
    public TimeSpan? Left
    {
        get
        {
            var left = claim.SafeTime;
            if (left > TimeSpan.Zero)
            {
                _uncertainSince = null;
                return left;
            }

            long now = time.GetTimestamp();
            _uncertainSince ??= now;
            bool mayRecover = claim.State == ClaimState.AtRisk && now < _deadline && time.GetElapsedTime(_uncertainSince.Value, now) < Confirmation;
            return mayRecover ? null : TimeSpan.Zero;
        }
    }

    /// <summary>Whether the deadline has moved since this was asked last.</summary>
    public bool TakeRenewal(TimeSpan left)
    {
        long deadline = time.GetTimestamp() + Ticks(left, time);
        bool renewed = deadline > _deadline + Ticks(Noise, time);
        _deadline = renewed ? deadline : _deadline;
        return renewed;
    }

    public void ThrowIfLost() => claim.ThrowIfLost();

    public void TellExpiring(Messages messages, TimeSpan left) => messages.Expiring(tool, claim, left);

    private static long Ticks(TimeSpan span, TimeProvider time) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
