using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Conclave.Storage;

namespace Conclave.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Waits_holds_hand_offs_and_commits_are_measured_in_seconds_without_names()
    {
        var seen = new ConcurrentDictionary<string, string>();
        var tags = new ConcurrentBag<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "Conclave")
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((i, _, t, _) => Record(i, t));
        listener.SetMeasurementEventCallback<long>((i, _, t, _) => Record(i, t));
        listener.Start();

        await using var store = new MemoryStore();
        await using var one = new ConclaveClient(store, new() { LeaveStoreOpen = true });
        await using var two = new ConclaveClient(store, new() { LeaveStoreOpen = true });
        var held = await one.Lock("secret-name").AcquireAsync();
        var waiting = two.Lock("secret-name").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => (await one.Lock("secret-name").InspectAsync()).Waiters.Length == 1);
        await held.DisposeAsync();
        await (await waiting.InTime()).DisposeAsync();

        Assert.Equal("s", seen["conclave.claim.wait"]);
        Assert.Equal("s", seen["conclave.claim.hold"]);
        Assert.Equal("s", seen["conclave.claim.handoff"]);
        Assert.Equal("{wakeup}", seen["conclave.claim.wakeups"]);
        Assert.Equal("{commit}", seen["conclave.store.commits"]);
        Assert.DoesNotContain(tags, t => t.Contains("secret", StringComparison.Ordinal));

        void Record(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> measured)
        {
            seen[instrument.Name] = instrument.Unit!;
            foreach (var tag in measured)
            {
                tags.Add($"{tag.Key}={tag.Value}");
            }
        }
    }
}
