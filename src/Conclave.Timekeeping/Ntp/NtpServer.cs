using System.Net;

namespace Conclave.Timekeeping;

/// <summary>One server, as the thread that asks it knows it: where it is, when it is due, and what it has said.</summary>
internal sealed class NtpServer(NtpAddress address)
{
    private const int ResolveAfter = 4;
    private const int SilentAfter = 3;

    private IPAddress[] _addresses = [];
    private int _next;

    public NtpAddress Address => address;

    public NtpHistory History { get; } = new();

    /// <summary>Where to ask; null while the name is not resolved.</summary>
    public IPEndPoint? EndPoint { get; private set; }

    /// <summary>When it is asked next, on the clock's timescale.</summary>
    public long DueAt { get; set; }

    /// <summary>How many requests of this poll are still to be sent.</summary>
    public int BurstLeft { get; set; }

    /// <summary>Polls in a row without a good answer.</summary>
    public int Failures { get; private set; }

    /// <summary>The server asked for fewer requests: its polls are this many times as long.</summary>
    public int Patience { get; private set; } = 1;

    /// <summary>It told us to go away, for good.</summary>
    public bool IsDenied { get; private set; }

    /// <summary>The server that this one is another name of.</summary>
    public NtpServer? SameAs { get; set; }

    /// <summary>Whether what it said still counts: it is recent.</summary>
    public bool IsAnswering => !History.IsEmpty && Failures < SilentAfter;

    /// <summary>Whether its name should be looked up, first or again.</summary>
    public bool WantsAddress => address.Literal is null && !IsDenied && (EndPoint is null || Failures >= ResolveAfter);

    /// <summary>What was wrong with the last answer, or why there was none; null if it was good.</summary>
    public (SourceVerdict Verdict, string Reason)? Problem { get; private set; }

    /// <summary>The last good answer, which is not always the best one.</summary>
    public NtpPacket LastGood { get; private set; }

    /// <summary>The addresses of its name, or of itself.</summary>
    public void Resolved(IPAddress[] addresses)
    {
        if (addresses.Length == 0)
        {
            return;
        }

        _addresses = addresses;
        if (EndPoint is null || !addresses.Contains(EndPoint.Address))
        {
            UseAddress(0);
        }
    }

    public void Accepted(in NtpPacket answer, in NtpSample sample, double drift)
    {
        if (LastGood.SmearsLeapSeconds != answer.SmearsLeapSeconds)
        {
            History.Clear();
        }

        var jump = History.Add(sample, drift);
        LastGood = answer;
        Problem = jump is { } by ? (SourceVerdict.Rejected, $"its time jumped by {NtpText.Span(by)}") : null;
        Failures = 0;
    }

    /// <summary>The poll brought nothing. What is known about the server from before stays, and grows old.</summary>
    public void Failed(SourceVerdict verdict, string reason)
    {
        Problem = (verdict, reason);
        Failures++;
        BurstLeft = 0;
        if (Failures % 2 == 0 && _addresses.Length > 1)
        {
            UseAddress(_next);
        }
    }

    /// <summary>What it says about itself makes its earlier answers worthless too.</summary>
    public void Disqualified(string reason)
    {
        Failed(SourceVerdict.Rejected, reason);
        History.Clear();
    }

    /// <summary>A kiss of death, RFC 5905 section 7.4.</summary>
    public void Kissed(string code)
    {
        switch (code)
        {
            case "DENY" or "RSTR":
                IsDenied = true;
                Disqualified($"it refuses to serve this machine ({code}), and is not asked again");
                break;
            case "RATE":
                Patience = Math.Min(Patience * 2, 64);
                Failed(SourceVerdict.Rejected, $"it asked for fewer requests (RATE): polled {Patience} times less often");
                break;
            default:
                Failed(SourceVerdict.Rejected, $"it has no time to give (kiss code {NtpText.Printable(code)})");
                break;
        }
    }

    private void UseAddress(int index)
    {
        EndPoint = new(_addresses[index % _addresses.Length], address.Port);
        _next = index + 1;
        History.Clear();
    }
}
