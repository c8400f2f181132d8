namespace Conclave.Timekeeping;

/// <summary>What an answer must be, to be believed at all.</summary>
/// <remarks>Source: RFC 5905, sections 8 (the tests of packets) and 11.1 (what is fit to be a source).</remarks>
internal static class NtpCheck
{
    private static readonly long OldestReference = TimeSpan.FromHours(36).Ticks;
    private static readonly long Granularity = TimeSpan.TicksPerMillisecond / 10;

    /// <summary>What is wrong with an answer whose origin is ours and that is no kiss of death.</summary>
    /// <returns>A sentence; null if nothing is.</returns>
    public static string? Problem(in NtpPacket answer, in NtpSample sample) => answer switch
    {
        { Leap: NtpPacket.LeapUnknown } => "it says that its own clock is not synchronized (leap 3)",
        { Stratum: < 1 or > 15 } => $"it says that its own clock is not synchronized (stratum {answer.Stratum})",
        { Transmit.IsZero: true } or { Receive.IsZero: true } => "its answer has no time in it",
        _ when answer.Transmit.IsBefore(answer.Receive) => "it says that it answered before it was asked",
        _ when !answer.Reference.IsZero && answer.Transmit.TicksSince(answer.Reference) < -Granularity => "it says that its clock was last set in the future",
        _ when !answer.Reference.IsZero && answer.Transmit.TicksSince(answer.Reference) > OldestReference => "its clock was last set more than 36 hours ago",
        _ when sample.Delay < -Granularity => "it says that it worked on the answer for longer than the whole round trip took",
        _ => null,
    };
}
