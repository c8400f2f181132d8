using Conclave.Testing;

namespace Conclave.Tests.Claims;

/// <summary>Who of one process is inside, and who goes in next.</summary>
public sealed class LocalGatesTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly LocalGates _gates;

    public LocalGatesTests() => _gates = new(_time);

    [Fact]
    public async Task One_alone_keeps_everybody_out_and_others_come_in_the_order_in_which_they_came()
    {
        Assert.True(await EnterAsync());
        var waiting = Enumerable.Range(0, 5).Select(_ => EnterAsync()).ToArray();
        Assert.False(await EnterAsync(timeout: TimeSpan.Zero));
        Assert.False(await EnterAsync(shared: true, timeout: TimeSpan.Zero));
        for (int i = 0; i < waiting.Length; i++)
        {
            Assert.DoesNotContain(waiting[i..], w => w.IsCompleted);
            _gates.Exit("x", shared: false);
            Assert.True(await waiting[i].InTime());
        }

        _gates.Exit("x", shared: false);
        Assert.True(await EnterAsync(timeout: TimeSpan.Zero));
    }

    [Fact]
    public async Task Those_who_share_are_inside_together_and_never_overtake_one_who_wants_to_be_alone()
    {
        Assert.True(await EnterAsync(shared: true));
        Assert.True(await EnterAsync(shared: true));
        Assert.False(_gates.IsWantedAlone("x"));
        var writer = EnterAsync();
        Assert.True(_gates.IsWantedAlone("x"));
        var late = new[] { EnterAsync(shared: true), EnterAsync(shared: true) };
        var lastWriter = EnterAsync();
        Assert.False(await EnterAsync(shared: true, timeout: TimeSpan.Zero));

        _gates.Exit("x", shared: true);
        Assert.False(writer.IsCompleted);
        _gates.Exit("x", shared: true);
        Assert.True(await writer.InTime());
        Assert.DoesNotContain(late, l => l.IsCompleted);

        _gates.Exit("x", shared: false);
        Assert.All(await Task.WhenAll(late).InTime(), Assert.True);
        Assert.False(lastWriter.IsCompleted);
        _gates.Exit("x", shared: true);
        _gates.Exit("x", shared: true);
        Assert.True(await lastWriter.InTime());
        Assert.False(_gates.IsWantedAlone("x"));
    }

    [Fact]
    public async Task One_who_gives_up_waiting_to_be_alone_lets_those_behind_go_on()
    {
        using var cancel = new CancellationTokenSource();
        Assert.True(await EnterAsync(shared: true));
        var writer = EnterAsync(cancellationToken: cancel.Token);
        var impatient = EnterAsync(timeout: TimeSpan.FromSeconds(1));
        var reader = EnterAsync(shared: true);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writer.InTime());
        Assert.False(reader.IsCompleted);

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.False(await impatient.InTime());
        Assert.True(await reader.InTime());
    }

    [Fact]
    public async Task Random_comings_and_goings_keep_the_rule_and_let_everybody_in()
    {
        int alone = 0;
        int sharing = 0;
        int most = 0;
        int waited = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 500; i++)
            {
                bool shared = random.Next(4) > 0;
                using var cancel = new CancellationTokenSource();
                var entry = EnterAsync(shared, cancellationToken: cancel.Token);
                Interlocked.Add(ref waited, entry.IsCompleted ? 0 : 1);
                if (random.Next(5) == 0)
                {
                    await cancel.CancelAsync();
                }

                try
                {
                    await entry.InTime();
                }
                catch (OperationCanceledException)
                {
                    continue;
                }

                int inside = shared ? Interlocked.Increment(ref sharing) : Interlocked.Increment(ref alone);
                most = shared ? Math.Max(most, inside) : most;
                Assert.True(shared ? Volatile.Read(ref alone) == 0 : inside == 1 && Volatile.Read(ref sharing) == 0);
                await Task.Yield();
                _ = shared ? Interlocked.Decrement(ref sharing) : Interlocked.Decrement(ref alone);
                _gates.Exit("x", shared);
            }
        })));

        Assert.True(most > 1 && waited > 100, $"{most} together at most, {waited} waited");
        Assert.True(await EnterAsync(timeout: TimeSpan.Zero), "nothing is left behind");
    }

    private Task<bool> EnterAsync(bool shared = false, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        _gates.EnterAsync("x", shared, timeout ?? Timeout.InfiniteTimeSpan, cancellationToken).AsTask();
}
