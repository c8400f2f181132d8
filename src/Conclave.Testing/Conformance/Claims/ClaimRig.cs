using System.Collections.Concurrent;
using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// What a case about claims stands on: clients with stores and clocks of their own, a look at what is really in the store, and an end that
/// leaves nothing behind, or says what was left.
/// </summary>
/// <remarks>
/// Plain, on a store that follows its clock, time stands still unless the case lets it pass, so whatever happens meanwhile happened by a
/// hint and not by a timer. Through chaos it flows by itself, quickly, because clients pause before they repeat; it stops while a call is
/// under way, so that a busy machine costs no session. A server's time is the real one.
/// </remarks>
internal sealed class ClaimRig
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FlowStep = TimeSpan.FromMilliseconds(40);
    private static readonly string[] QueueKinds = ["lock/", "rwlock/", "semaphore/", "leader/", "group/", "barrier/", "owner/"];
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly StoreHarness _harness;
    private readonly TimeProvider _clock;
    private readonly bool _isReal;
    private readonly ConcurrentQueue<RigClient> _clients = [];
    private readonly ConcurrentQueue<IAsyncDisposable> _claims = [];
    private readonly ConcurrentQueue<TaskCompletionSource> _holds = [];
    private readonly ConcurrentQueue<Exception> _unobserved = [];
    private readonly Task _flow;
    private IStore? _behind;
    private volatile bool _stopping;

    private ClaimRig(StoreHarness harness, bool realTime)
    {
        _harness = harness;
        _isReal = realTime || !harness.FollowsClock;
        _clock = _isReal ? new BootTimeProvider() : harness.Time;

        // opened first and closed last: what lives in memory only lives as long as the case
        var least = Behind.Description.MinTimeToLive;
        TimeToLive = _isReal ? (least > StoreLimits.MinTimeToLive ? least : StoreLimits.MinTimeToLive) : TimeSpan.FromSeconds(15);
        _flow = harness.IsChaotic && !_isReal ? Task.Run(FlowAsync) : Task.CompletedTask;
        TaskScheduler.UnobservedTaskException += OnUnobserved;
    }

    public StoreHarness Harness => _harness;

    /// <summary>The time to live of every client's session, unless the engine raises it.</summary>
    public TimeSpan TimeToLive { get; }

    /// <summary>True when nothing disturbs: then counts are exact.</summary>
    public bool IsPlain => !_harness.IsChaotic;

    /// <summary>True when time stands still unless the case lets it pass.</summary>
    public bool StandsStill => IsPlain && !_isReal;

    /// <summary>The clock that time passes on.</summary>
    public TimeProvider Clock => _clock;

    /// <summary>The store without chaos: what is really there.</summary>
    public IStore Behind => _behind ??= _harness.ConnectBehindChaos(_clock);

    /// <summary>How often chaos did anything.</summary>
    public int Faults => Enum.GetValues<ChaosFault>().Sum(_harness.Faults);

    /// <summary>Runs a case, and then checks that nothing is left: no contender, no session, no wait, no task that failed unobserved.</summary>
    public static async Task RunAsync(StoreHarness harness, Func<ClaimRig, Task> body, bool realTime = false)
    {
        var rig = new ClaimRig(harness, realTime);
        try
        {
            await body(rig).ConfigureAwait(false);
            await rig.FinishAsync().ConfigureAwait(false);
        }
        finally
        {
            await rig.TearDownAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A client on a store object of its own: another process, as far as the engine can tell.</summary>
    public RigClient Client(Func<ConclaveOptions, ConclaveOptions>? change = null, double sessionsEnded = 0, Func<ChaosOptions, ChaosOptions>? chaos = null)
    {
        var store = new InterceptedStore(_harness.ConnectUnderClient(_clock, sessionsEnded, chaos));
        var clock = new ClientClock(_clock);
        var options = new ConclaveOptions
        {
            SessionTimeToLive = TimeToLive,
            TimeProvider = _isReal && _harness.FollowsClock ? null : clock,

            // on a bad day many calls in a row may fail: what has to give up says so by itself
            OperationTimeout = IsPlain ? TimeSpan.FromSeconds(10) : TimeSpan.FromMinutes(1),
        };
        var client = new RigClient(this, store, new(store, change?.Invoke(options) ?? options), clock);
        _clients.Enqueue(client);
        return client;
    }

    /// <summary>A client that gives up soon when its store does not answer.</summary>
    public RigClient HastyClient() => Client(o => o with { OperationTimeout = _isReal ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(2) });

    /// <summary>Something that calls can be held by; let go at the end at the latest.</summary>
    public TaskCompletionSource NewHold()
    {
        var hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _holds.Enqueue(hold);
        return hold;
    }

    /// <summary>Who really stands in a queue, in its order.</summary>
    public async Task<ImmutableArray<Entry>> QueueAsync(string name = "x") =>
        [.. (await EntriesAsync($"lock/{StoreNames.Escape(name)}/").ConfigureAwait(false)).OrderBy(e => e.CreateRevision)];

    public async Task<ImmutableArray<Entry>> EntriesAsync(params string[] prefixes) =>
        [.. (await Behind.CommitAsync(new(reads: [.. prefixes.Select(p => Read.Scan(p))])).ConfigureAwait(false)).Reads.SelectMany(r => r)];

    /// <summary>Waits, without time passing where it stands still, until so many entries of sessions are under a prefix.</summary>
    public Task ContendersAsync(int count, string prefix) =>
        SoonUntilAsync(() => IsCountAsync(count, prefix), $"{count} contenders are under '{prefix}'");

    /// <summary>Waits, letting time pass, until so many entries of sessions are under a prefix.</summary>
    public Task ContendersBecomeAsync(int count, string prefix) =>
        UntilAsync(() => IsCountAsync(count, prefix), $"{count} contenders are under '{prefix}' in the end");

    /// <summary>Waits, without time passing where it stands still, until so many stand in the queue.</summary>
    public Task QueuedAsync(int contenders, string name = "x") =>
        SoonUntilAsync(async () => (await QueueAsync(name).ConfigureAwait(false)).Length == contenders, $"{contenders} stand in the queue of '{name}'");

    /// <summary>Waits, letting time pass, until so many stand in the queue.</summary>
    public Task QueueBecomesAsync(int contenders, string name = "x") =>
        UntilAsync(async () => (await QueueAsync(name).ConfigureAwait(false)).Length == contenders, $"{contenders} stand in the queue of '{name}' in the end");

    /// <summary>Ends the session of a claim from outside, as an operator would.</summary>
    public async Task KillAsync(Claim claim, string kind = "lock")
    {
        var mine = (await EntriesAsync($"{kind}/{StoreNames.Escape(claim.Name)}/").ConfigureAwait(false)).Single(e => e.CreateRevision == Revision(claim));
        await Behind.CloseSessionAsync(mine.Session!.Value).ConfigureAwait(false);
    }

    /// <summary>The create revision of a claim's contender: the lower 48 bits of its token.</summary>
    public static long Revision(Claim claim) => claim.Token.Value & ((1L << 48) - 1);

    /// <summary>The result of something that must need no time: a hint is enough.</summary>
    public async Task<T> SoonAsync<T>(Task<T> task, string what)
    {
        _ = await _harness.SoonAsync(Ended(task), what).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    /// <inheritdoc cref="SoonAsync{T}(Task{T}, string)"/>
    public async Task SoonAsync(Task task, string what)
    {
        _ = await _harness.SoonAsync(Ended(task), what).ConfigureAwait(false);
        await task.ConfigureAwait(false);
    }

    /// <summary>The result of something that may need time.</summary>
    public async Task<T> EventuallyAsync<T>(Task<T> task, string what)
    {
        await UntilAsync(() => task.IsCompleted, what).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    /// <inheritdoc cref="EventuallyAsync{T}(Task{T}, string)"/>
    public async Task EventuallyAsync(Task task, string what)
    {
        await UntilAsync(() => task.IsCompleted, what).ConfigureAwait(false);
        await task.ConfigureAwait(false);
    }

    /// <summary>Waits for a condition without time passing where it stands still.</summary>
    public Task SoonUntilAsync(Func<Task<bool>> condition, string what) => PollAsync(condition, what, stepping: false, _harness.Patience);

    /// <inheritdoc cref="SoonUntilAsync(Func{Task{bool}}, string)"/>
    public Task SoonUntilAsync(Func<bool> condition, string what) => SoonUntilAsync(() => Task.FromResult(condition()), what);

    /// <summary>Waits for a condition, letting time pass.</summary>
    public Task UntilAsync(Func<Task<bool>> condition, string what) => PollAsync(condition, what, stepping: true, _harness.Patience);

    /// <inheritdoc cref="UntilAsync(Func{Task{bool}}, string)"/>
    public Task UntilAsync(Func<bool> condition, string what) => UntilAsync(() => Task.FromResult(condition()), what);

    /// <summary>Lets time pass, looking again and again.</summary>
    public Task PassAsync(TimeSpan span, Action? look = null)
    {
        long start = _clock.GetTimestamp();
        return PollAsync(
            () =>
            {
                look?.Invoke();
                return Task.FromResult(_clock.GetElapsedTime(start) >= span);
            },
            $"{span} pass", stepping: true, _harness.Patience + span);
    }

    /// <summary>Checks a count: exactly, or as far as chaos lets one say.</summary>
    public void CheckCount(int expected, int actual, string what)
    {
        if (StandsStill)
        {
            Check.Equal(expected, actual, what);
            return;
        }

        // a fault costs a repetition, a gate and a reading at most; a reading for no reason is allowed everywhere
        int most = expected + (3 * Faults) + 2;
        Check.That(actual >= expected && actual <= most, $"{what}: expected from {expected} to {most} with {Faults} faults, got {actual}");
    }

    public void Keep(IAsyncDisposable claim) => _claims.Enqueue(claim);

    /// <summary>Ends everything, and begins anew with what the store kept.</summary>
    public async Task RestartAsync()
    {
        await CloseClientsAsync().ConfigureAwait(false);
        await Behind.DisposeAsync().ConfigureAwait(false);
        _behind = null;
    }

    private async Task FinishAsync()
    {
        while (_holds.TryDequeue(out var hold))
        {
            hold.TrySetResult();
        }

        foreach (var client in _clients)
        {
            client.Store.Reset();
        }

        await _harness.CalmAsync().ConfigureAwait(false);
        while (_claims.TryDequeue(out var claim))
        {
            await EventuallyAsync(claim.DisposeAsync().AsTask(), "a claim is given up").ConfigureAwait(false);
        }

        await IsGoneAsync("nobody is left in a queue", QueueKinds).ConfigureAwait(false);
        await CloseClientsAsync().ConfigureAwait(false);
        await IsGoneAsync("no session is left once every client is disposed", "session/").ConfigureAwait(false);
        if (_clients.Any(c => c.Store.Thrown.Count > 0))
        {
            // a task that failed says so when it is collected
            for (int i = 0; i < 2; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }

        Check.That(_unobserved.IsEmpty, $"no task may fail unobserved, but: {string.Join("; ", _unobserved.Select(e => e.ToString()))}");
    }

    private async Task CloseClientsAsync()
    {
        foreach (var client in _clients)
        {
            await EventuallyAsync(client.Client.DisposeAsync().AsTask(), "a client is disposed").ConfigureAwait(false);
            Check.Equal(1, client.Store.Disposals, "how often a client disposed its store");
            await SoonUntilAsync(() => client.Store.PendingWaits == 0, "no wait outlives its client").ConfigureAwait(false);
        }
    }

    private async Task<bool> IsCountAsync(int count, string prefix) =>
        (await EntriesAsync(prefix).ConfigureAwait(false)).Count(e => e.Session is not null) == count;

    // what a barrier leaves is its round, which is nobody's
    private async Task<IEnumerable<Entry>> LeftAsync(string[] prefixes) =>
        (await EntriesAsync(prefixes).ConfigureAwait(false)).Where(e => e.Session is not null || !e.Key.EndsWith("/round", StringComparison.Ordinal));

    private async Task IsGoneAsync(string what, params string[] prefixes)
    {
        try
        {
            await UntilAsync(async () => !(await LeftAsync(prefixes).ConfigureAwait(false)).Any(), what).ConfigureAwait(false);
        }
        catch (ConformanceException e)
        {
            var left = await LeftAsync(prefixes).ConfigureAwait(false);
            throw new ConformanceException($"{e.Message}, there is still {string.Join(", ", left.Select(entry => entry.Key))}", e);
        }
    }

    /// <summary>Ends what a failed case left running, as far as it lets itself be ended.</summary>
    private async Task TearDownAsync()
    {
        while (_holds.TryDequeue(out var hold))
        {
            hold.TrySetResult();
        }

        foreach (var client in _clients)
        {
            client.Store.Reset();
            await ((Task)Ended(client.Client.DisposeAsync().AsTask())).WaitAsync(TimeSpan.FromSeconds(2), TimeProvider.System)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _stopping = true;
        TaskScheduler.UnobservedTaskException -= OnUnobserved;
        await _flow.ConfigureAwait(false);
    }

    private async Task FlowAsync()
    {
        while (!_stopping)
        {
            await Task.Delay(Tick, TimeProvider.System).ConfigureAwait(false);
            await WhileInFlightAsync().ConfigureAwait(false);
            _harness.Time.Advance(FlowStep);
        }
    }

    /// <summary>Gives calls that are under way the time to end, so that time does not run away from them.</summary>
    private async Task WhileInFlightAsync()
    {
        for (int i = 0; i < 20 && _clients.Any(c => c.Store.InFlight > 0); i++)
        {
            await Task.Delay(Tick, TimeProvider.System).ConfigureAwait(false);
        }
    }

    private async Task PollAsync(Func<Task<bool>> condition, string what, bool stepping, TimeSpan patience)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!await condition().ConfigureAwait(false))
        {
            Check.That(TimeProvider.System.GetElapsedTime(start) < patience, $"{what}: not within {patience.TotalSeconds} s");
            if (stepping && StandsStill)
            {
                await WhileInFlightAsync().ConfigureAwait(false);
                _harness.Time.Advance(Step);
            }

            await Task.Delay(_isReal ? Tick * 5 : Tick, TimeProvider.System).ConfigureAwait(false);
        }
    }

    private void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        // of all that happens in this process, what came from a store of this case
        foreach (var exception in e.Exception.Flatten().InnerExceptions)
        {
            for (var cause = exception; cause is not null; cause = cause.InnerException)
            {
                if (_clients.Any(c => c.Store.Thrown.Contains(cause)))
                {
                    _unobserved.Enqueue(exception);
                    break;
                }
            }
        }
    }

    private static async Task<bool> Ended(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return true;
    }
}
