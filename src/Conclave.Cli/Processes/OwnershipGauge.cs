using System.Globalization;
using Conclave.Cli.Output;

namespace Conclave.Cli.Processes;

/// <summary>A command under an ownership runs on when it is lost, or is ended then, as its user wants it.</summary>
/// <param name="ownership">The ownership.</param>
/// <param name="grace">How long the command has to end after a loss; null to let it run on.</param>
/// <param name="time">The clock.</param>
internal sealed class OwnershipGauge(Ownership.Ownership ownership, TimeSpan? grace, TimeProvider time) : IGauge
{
    private long? _lostAt;

    public string Noun => $"the ownership of '{ownership.Key}'";

    public (string Name, string Value)[] Variables => [("CONCLAVE_OWN", ownership.Key), ("CONCLAVE_OWNER", ownership.Owner)];

    public TimeSpan SafeTime => Duration.Max;

    public TimeSpan? Left => IsSafe ? SafeTime : grace - time.GetElapsedTime(_lostAt ??= time.GetTimestamp()) is { } left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    public bool IsSafe => grace is null || !ownership.Lost.IsCancellationRequested;

    public bool IsLost => Left == TimeSpan.Zero;

    public string Cause => "somebody else may have it by now";

    // the watchdog only has to notice the end of conclave
    public bool TakeRenewal(TimeSpan left) => false;

    public void ThrowIfLost()
    {
        // the command is started: the ownership was there a moment ago, and more was never promised
    }

    public void TellExpiring(Messages messages, TimeSpan left) => messages.Warn(
        $"{Noun} was lost: the command was asked to end (SIGTERM), and is killed in {left.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)}s.");
}
