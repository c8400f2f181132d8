using Conclave.Ownership;
using Conclave.Testing;

namespace Conclave.Tests.Owners;

/// <summary>The cases that lakeFS has for its in-process keyed lock.</summary>
public sealed class LocalTurnsTests
{
    private readonly LocalTurns _turns = new(new ManualTimeProvider());

    [Fact]
    public void Without_contention_nobody_waits()
    {
        Assert.True(EnterAsync("a").IsCompletedSuccessfully);
        Assert.True(EnterAsync("b").IsCompletedSuccessfully);
        _turns.Exit("a");
        Assert.True(EnterAsync("a").IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Turns_come_in_the_order_in_which_they_were_asked_for()
    {
        await EnterAsync();
        var waiting = Enumerable.Range(0, 5).Select(_ => EnterAsync()).ToList();
        while (waiting.Count > 0)
        {
            Assert.All(waiting, w => Assert.False(w.IsCompleted));
            _turns.Exit("x");
            await waiting[0].InTime();
            waiting.RemoveAt(0);
        }
    }

    [Fact]
    public async Task Who_cancels_in_the_middle_is_passed_over()
    {
        await EnterAsync();
        using var cancel = new CancellationTokenSource();
        var (first, middle, last) = (EnterAsync(), EnterAsync("x", cancel.Token), EnterAsync());
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => middle.InTime());

        _turns.Exit("x");
        await first.InTime();
        _turns.Exit("x");
        await last.InTime();
    }

    [Fact]
    public async Task A_turn_in_the_moment_of_a_cancellation_is_a_turn_or_goes_on()
    {
        for (int i = 0; i < 200; i++)
        {
            await EnterAsync();
            using var cancel = new CancellationTokenSource();
            var (racing, last) = (EnterAsync("x", cancel.Token), EnterAsync());
            await Task.WhenAll(Task.Run(cancel.Cancel), Task.Run(() => _turns.Exit("x")));
            try
            {
                await racing.InTime();
                _turns.Exit("x");
            }
            catch (OperationCanceledException)
            {
                // then it went on by itself
            }

            await last.InTime();
            _turns.Exit("x");
        }
    }

    [Fact]
    public async Task Who_is_cancelled_already_or_does_not_wait_takes_no_place()
    {
        await EnterAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => EnterAsync("x", new(canceled: true)));
        Assert.False(await _turns.EnterAsync("x", TimeSpan.Zero, default, default) is (true, _));
        Assert.False(_turns.IsWanted("x"));
    }

    [Fact]
    public async Task Under_stress_one_at_a_time_has_the_turn()
    {
        string[] keys = ["a", "b", "c"];
        int[] inside = new int[keys.Length];
        await Task.WhenAll(Enumerable.Range(0, 20).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 100; i++)
            {
                int key = random.Next(keys.Length);
                using var cancel = new CancellationTokenSource();
                if (i % 7 == 0)
                {
                    cancel.CancelAfter(1);
                }

                try
                {
                    await _turns.EnterAsync(keys[key], Timeout.InfiniteTimeSpan, cancel.Token, default);
                }
                catch (OperationCanceledException)
                {
                    continue;
                }

                Assert.Equal(1, Interlocked.Increment(ref inside[key]));
                await Task.Yield();
                Interlocked.Decrement(ref inside[key]);
                _turns.Exit(keys[key]);
            }
        }))).InTime();
        Assert.All(keys, k => Assert.True(EnterAsync(k).IsCompletedSuccessfully));
    }

    private async Task EnterAsync(string key = "x", CancellationToken cancellationToken = default) =>
        Assert.True((await _turns.EnterAsync(key, Timeout.InfiniteTimeSpan, cancellationToken, default)).IsMine);
}
