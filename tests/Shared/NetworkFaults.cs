using System.Collections.Concurrent;
using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Shared;

/// <summary>What a network does between a client and any engine. Compiled into the tests of each engine that has a network.</summary>
internal static class NetworkFaults
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    /// <summary>A holder whose packets are lost without a word stops believing before the next one is let in, and is a client like any other once they get through.</summary>
    /// <param name="cutOff">Through the proxy.</param>
    /// <param name="direct">The same namespace, past the proxy.</param>
    /// <param name="proxy">The network.</param>
    /// <param name="lost">What it loses: everything by default, or the answers only, so that renewals still arrive.</param>
    /// <param name="timeToLive">Of both sessions.</param>
    public static async Task CutOffAsync(IStore cutOff, IStore direct, FaultProxy proxy, Direction? lost, TimeSpan timeToLive)
    {
        var options = new ConclaveOptions { SessionTimeToLive = timeToLive, OperationTimeout = Patience };
        await using var holder = new ConclaveClient(cutOff, options);
        await using var next = new ConclaveClient(direct, options);
        var claim = await holder.Lock("x").AcquireAsync().AsTask().WaitAsync(Patience);
        int signals = 0;
        using var told = claim.Lost.Register(() => Interlocked.Increment(ref signals));
        var grant = next.Lock("x").AcquireAsync().AsTask();
        await UntilAsync(async () => (await next.Lock("x").InspectAsync()).Waiters.Length == 1);

        proxy.Drop(lost);

        // looked at on the thread that brings the grant
        bool heldAtGrant = await grant
            .ContinueWith(_ => claim.IsHeld, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).WaitAsync(Patience);
        Assert.False(heldAtGrant);
        var second = await grant;
        await UntilAsync(() => Task.FromResult(Volatile.Read(ref signals) == 1));

        // what was lost stays lost, and stands in nobody's way
        proxy.Restore();
        var again = holder.Lock("x").AcquireAsync().AsTask();
        await UntilAsync(async () => (await next.Lock("x").InspectAsync()).Contenders.Length == 2);
        Assert.Equal((false, ClaimState.Lost, 1), (claim.IsHeld, claim.State, Volatile.Read(ref signals)));
        Assert.False(await claim.ReleaseAsync().AsTask().WaitAsync(Patience));
        Assert.True(second.IsHeld && !again.IsCompleted);
        await second.DisposeAsync();
        var third = await again.WaitAsync(Patience);
        Assert.True(third.Token > second.Token && second.Token > claim.Token, $"{claim.Token}, {second.Token}, {third.Token}");
        await third.DisposeAsync();
    }

    /// <summary>A change comes while the subscription of the first who waits is still on its way to the server, which therefore tells nobody.</summary>
    /// <param name="waiting">Through the proxy; nobody has waited on it yet.</param>
    /// <param name="direct">The same namespace, past the proxy.</param>
    /// <param name="proxy">The network.</param>
    public static async Task SubscribeLateAsync(IStore waiting, IStore direct, FaultProxy proxy)
    {
        long revision = await direct.PutAsync("x", default);
        Assert.Equal(revision, (await waiting.GetAsync("x"))!.Revision);
        long sent = proxy.Arrived(Direction.ToServer);
        proxy.Hold(Direction.ToServer);
        var gone = GoneAsync();
        await UntilAsync(() => Task.FromResult(proxy.Arrived(Direction.ToServer) > sent));
        await direct.DeleteAsync("x");

        var watch = Stopwatch.StartNew();
        proxy.Restore();
        await gone.WaitAsync(Patience);
        Assert.True(watch.Elapsed < waiting.Description.MaxSilence - TimeSpan.FromSeconds(1), $"woken after {watch.Elapsed}: by the silence, and not by the change");

        async Task GoneAsync()
        {
            long after = revision;
            do
            {
                after = await waiting.WaitForChangeAsync("x", after);
            }
            while (await waiting.GetAsync("x") is not null);
        }
    }

    /// <summary>Who leaves while a connection is made, which then fails, leaves no failure behind that nobody looks at.</summary>
    /// <param name="open">Opens a store through the proxy.</param>
    /// <param name="proxy">The network.</param>
    /// <param name="isNew">Whether the store is used for the first time then, or has lost the connection that it had.</param>
    public static async Task LeaveEarlyAsync(Func<IStore> open, FaultProxy proxy, bool isNew)
    {
        var unobserved = new ConcurrentQueue<Exception>();
        void Note(object? sender, UnobservedTaskExceptionEventArgs e) => unobserved.Enqueue(e.Exception);
        TaskScheduler.UnobservedTaskException += Note;
        await using var store = open();
        try
        {
            if (!isNew)
            {
                await store.GetAsync("x");
            }

            proxy.Hold();
            long sent = proxy.Arrived(Direction.ToServer);
            proxy.Reset();
            using (var leave = new CancellationTokenSource())
            {
                Task left;
                do
                {
                    // one that is still sent on the lost connection fails
                    left = store.GetAsync("x", leave.Token).AsTask();
                    await UntilAsync(() => Task.FromResult(left.IsCompleted || proxy.Arrived(Direction.ToServer) > sent));
                }
                while (left.Exception is not null);
                await leave.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left.WaitAsync(Patience));
            }

            // what fails for the one, who begins later, has failed for the other too
            proxy.Refuse();
            proxy.Reset();
            await using (var other = open())
            {
                await Assert.ThrowsAsync<StoreUnavailableException>(() => other.GetAsync("x").AsTask().WaitAsync(Patience));
            }

            proxy.Restore();
            await UntilAsync(async () =>
            {
                try
                {
                    return await store.GetAsync("x") is null;
                }
                catch (StoreUnavailableException)
                {
                    return false;
                }
            });
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Note;
        }

        Assert.DoesNotContain(unobserved, e => e.ToString().Contains(store.GetType().Namespace!, StringComparison.Ordinal));
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Patience, $"not within {Patience.TotalSeconds} s");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }
}
