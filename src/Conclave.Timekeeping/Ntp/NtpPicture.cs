using System.Collections.Immutable;

namespace Conclave.Timekeeping;

/// <summary>What the clock's thread knew when it last decided. Immutable, for everybody who asks.</summary>
internal sealed record NtpPicture(ImmutableArray<NtpServerPicture> Servers, long? ComparedAt, string Explanation)
{
    public static NtpPicture Empty(IEnumerable<NtpServer> servers) =>
        new([.. servers.Select(s => new NtpServerPicture(s.Address.Text, null, SourceVerdict.Waiting, "it has not answered yet", null, null))], null, "no server has answered yet");

    public static NtpPicture Of(
        IEnumerable<NtpServer> servers, NtpServer[] answering, NtpClaim[] claims, NtpSelection? selection, long now, long? comparedAt, string explanation, double drift) =>
        new([.. servers.Select(s => Of(s, Array.IndexOf(answering, s), claims, selection, now, drift))], comparedAt, explanation);

    private static NtpServerPicture Of(NtpServer server, int index, NtpClaim[] claims, NtpSelection? selection, long now, double drift)
    {
        var (verdict, reason) = Verdict(server, index, claims, selection);
        NtpSample? best = server.History.IsEmpty ? null : server.History.Best(now, drift);
        return new(server.Address.Text, server.EndPoint?.ToString(), verdict, reason, best, best is null ? null : server.LastGood.Stratum);
    }

    private static (SourceVerdict Verdict, string Reason) Verdict(NtpServer server, int index, NtpClaim[] claims, NtpSelection? selection)
    {
        if (server.SameAs is { } same)
        {
            return (SourceVerdict.Duplicate, $"it is the same server as {same.Address.Text}, and counts once");
        }

        if (index < 0)
        {
            return server.Problem ?? (server.IsAnswering
                ? (SourceVerdict.Rejected, server.LastGood.SmearsLeapSeconds ? "it smears leap seconds, and the others do not" : "it does not smear leap seconds, and the others do")
                : (SourceVerdict.Waiting, "it has not answered yet"));
        }

        if (selection is null)
        {
            // among too few it may be right, but that cannot be told
            return claims.Length == 1
                ? (SourceVerdict.Waiting, "it answers, but too few do")
                : (SourceVerdict.Outvoted, $"it answers, and agrees with {claims.Count(c => Overlap(c, claims[index])) - 1} of {claims.Length - 1} others, which is no majority");
        }

        string note = server.Problem is { } problem ? $"; last: {problem.Reason}" : "";
        return selection.Verdicts[index] switch
        {
            SourceVerdict.Outvoted => (SourceVerdict.Outvoted, $"it is {Distance(claims[index], selection)} away from what the majority agrees on{note}"),
            SourceVerdict.Spare => (SourceVerdict.Spare, $"it agrees, and others agree more closely{note}"),
            _ => (SourceVerdict.Used, $"it agrees{note}"),
        };
    }

    private static bool Overlap(NtpClaim one, NtpClaim other) => one.Low <= other.High && other.Low <= one.High;

    private static string Distance(NtpClaim claim, NtpSelection selection) =>
        NtpText.Span(claim.Low > selection.High ? claim.Low - selection.High : claim.High - selection.Low);
}

/// <summary>What is known about one server.</summary>
internal sealed record NtpServerPicture(string Name, string? Address, SourceVerdict Verdict, string Reason, NtpSample? Best, int? Stratum);
