using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Conclave;

/// <summary>The metrics and traces of one client, under the name "Conclave". Seconds as unit, no names or keys as tags. Never throws.</summary>
internal sealed class Telemetry : IDisposable
{
    private const string SourceName = "Conclave";

    private readonly Meter _meter = new(SourceName);
    private readonly ActivitySource _activities = new(SourceName);
    private readonly Histogram<double> _wait;
    private readonly Histogram<double> _hold;
    private readonly Histogram<double> _handOff;
    private readonly Histogram<long> _wakeUps;
    private readonly Histogram<double> _renewalGap;
    private readonly Histogram<double> _renewalMargin;
    private readonly Counter<long> _losses;
    private readonly Counter<long> _leadershipLosses;
    private readonly Counter<long> _ownershipLosses;
    private readonly Counter<long> _commits;

    public Telemetry()
    {
        _wait = _meter.CreateHistogram<double>("conclave.claim.wait", "s", "From the call of an acquire to its grant.");
        _hold = _meter.CreateHistogram<double>("conclave.claim.hold", "s", "From the grant of a claim to its release.");
        _handOff = _meter.CreateHistogram<double>("conclave.claim.handoff", "s", "From the hint that the claim ahead left to the grant.");
        _wakeUps = _meter.CreateHistogram<long>("conclave.claim.wakeups", "{wakeup}", "Reads of the queue while waiting, per grant.");
        _renewalGap = _meter.CreateHistogram<double>("conclave.session.renewal.gap", "s", "Between two successful renewals.");
        _renewalMargin = _meter.CreateHistogram<double>("conclave.session.renewal.margin", "s", "Safe time that was left when a renewal succeeded.");
        _losses = _meter.CreateCounter<long>("conclave.session.losses", "{session}", "Sessions lost, by cause.");
        _leadershipLosses = _meter.CreateCounter<long>("conclave.leadership.losses", "{leadership}", "Leaderships lost by a leader's loop, which then campaigns again.");
        _ownershipLosses = _meter.CreateCounter<long>("conclave.ownership.losses", "{ownership}", "Mostly-correct ownerships lost: taken by another, or not refreshed in time.");
        _commits = _meter.CreateCounter<long>("conclave.store.commits", "{commit}", "Commits, by outcome.");
    }

    public Activity? StartAcquire(string kind)
    {
        var activity = _activities.StartActivity("conclave.acquire");
        activity?.SetTag("conclave.kind", kind);
        return activity;
    }

    public void Granted(string kind, TimeSpan waited, TimeSpan? handOff, int wakeUps)
    {
        Record(_wait, waited.TotalSeconds, "conclave.kind", kind);
        Record(_wakeUps, wakeUps, "conclave.kind", kind);
        if (handOff is { } time)
        {
            Record(_handOff, time.TotalSeconds, "conclave.kind", kind);
        }
    }

    public void Released(string kind, TimeSpan held) => Record(_hold, held.TotalSeconds, "conclave.kind", kind);

    public void Renewed(TimeSpan gap, TimeSpan margin)
    {
        Record(_renewalGap, gap.TotalSeconds);
        Record(_renewalMargin, margin.TotalSeconds);
    }

    public void Lost(SessionLossCause cause) => Count(_losses, "conclave.cause", cause.ToString());

    public void LeadershipLost() => Count(_leadershipLosses);

    public void OwnershipLost() => Count(_ownershipLosses);

    public void Committed(string outcome) => Count(_commits, "conclave.outcome", outcome);

    public void Dispose()
    {
        _meter.Dispose();
        _activities.Dispose();
    }

    // A listener is somebody else's code. What it throws must not end a renewal, or leave a claim behind that nobody knows of.
    private static void Record<T>(Histogram<T> histogram, T value, string? tag = null, string? text = null)
        where T : struct
    {
        try
        {
            if (histogram.Enabled && tag is not null)
            {
                histogram.Record(value, new KeyValuePair<string, object?>(tag, text));
            }
            else
            {
                histogram.Record(value);
            }
        }
        catch (Exception)
        {
            // the measurement is lost
        }
    }

    private static void Count(Counter<long> counter, string? tag = null, string? text = null)
    {
        try
        {
            if (counter.Enabled && tag is not null)
            {
                counter.Add(1, new KeyValuePair<string, object?>(tag, text));
            }
            else
            {
                counter.Add(1);
            }
        }
        catch (Exception)
        {
            // the measurement is lost
        }
    }
}
