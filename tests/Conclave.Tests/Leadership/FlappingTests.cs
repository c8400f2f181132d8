using System.Collections.Concurrent;
using System.Globalization;
using Conclave.Servers;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Leadership;

/// <summary>A leader that is lost again and again.</summary>
public sealed class FlappingTests
{
    private static readonly LeadOptions Options = new()
    {
        FlapWindow = TimeSpan.FromMinutes(1),
        FirstPause = TimeSpan.FromSeconds(1),
        LongestPause = TimeSpan.FromSeconds(8),
    };

    [Fact]
    public async Task Pauses_grow_while_leaderships_are_short_and_begin_anew_after_a_long_one()
    {
        var clock = new ManualTimeProvider();
        var store = new MemoryStore(clock);
        using var log = new RecordedLog();
        await using var client = new ConclaveClient(store, new() { TimeProvider = clock, LoggerFactory = log });
        var leaders = new ConcurrentQueue<(long At, Conclave.Leadership Leadership, TaskCompletionSource Lose)>();
        using var stop = new CancellationTokenSource();
        var run = client.Election("x").RunAsync(
            async (leadership, lead) =>
            {
                var lose = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                leaders.Enqueue((clock.GetTimestamp(), leadership, lose));
                await lose.Task.WaitAsync(lead);
                var candidates = await store.CommitAsync(new Transaction(reads: [Read.Scan("leader/x/")]), lead);
                await store.CloseSessionAsync(candidates.Reads[0][0].Session!.Value, lead);
                await leadership.ProclaimAsync(default, lead);
            },
            Options,
            stop.Token);

        var waited = new List<TimeSpan>();
        int[] pauses = [1, 2, 4, 8, 8, 0, 1, 2];
        for (int i = 0; i < pauses.Length; i++)
        {
            await Eventually.TrueAsync(() => leaders.Count == i + 1);
            if (pauses[i] == 0)
            {
                // renewed on the way, so that only the work ends it
                for (int second = 0; second < 60; second++)
                {
                    clock.Advance(TimeSpan.FromSeconds(1));
                    await Eventually.TrueAsync(() => leaders.Last().Leadership.SafeTime > TimeSpan.FromSeconds(6));
                }
            }

            long lost = clock.GetTimestamp();
            leaders.Last().Lose.SetResult();
            await Eventually.TrueAsync(() => Pauses(log).Count() == i + 1);
            await Eventually.TrueAsync(() =>
            {
                clock.Advance(TimeSpan.FromMilliseconds(leaders.Count == i + 1 ? 100 : 0));
                return leaders.Count == i + 2;
            });
            waited.Add(clock.GetElapsedTime(lost, leaders.Last().At));
        }

        Assert.Equal(pauses, Pauses(log).Select(p => (int)p.TotalSeconds));
        Assert.All(waited.Zip(pauses), w => Assert.True(w.First.TotalSeconds >= w.Second * 0.9, $"{w.First} of {w.Second} s"));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
    }

    private static IEnumerable<TimeSpan> Pauses(RecordedLog log) => log.Written
        .Select(line => line.Split("; campaigns again in ")).Where(parts => parts.Length == 2).Select(parts => TimeSpan.Parse(parts[1], CultureInfo.InvariantCulture));
}
