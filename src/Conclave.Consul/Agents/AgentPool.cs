using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>
/// The agents as one: calls go to the agent that answered last, and move on when it does not. Each call asks each agent at most once; waiting for
/// better times is the caller's business.
/// </summary>
internal sealed class AgentPool : IDisposable
{
    /// <summary>
    /// An agent serves 200 connections of one address by default (http_max_conns_per_client) and resets more, which makes commits unknown; each call
    /// under way is one. Commits wait here for their turn; renewals never do.
    /// </summary>
    private const int MaxCommits = 64;

    private readonly Func<IAgent>[] _connect;
    private readonly IAgent?[] _agents;
    private readonly SemaphoreSlim _commits = new(MaxCommits);
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private volatile int _preferred;
    private bool _disposed;

    public AgentPool(ConsulStoreOptions options, TimeProvider time, Func<StoreHost, IAgent>? connect = null)
    {
        _time = time;
        connect ??= host => new HttpAgent(host, options, time);
        _connect = [.. options.Agents.Select(host => (Func<IAgent>)(() => connect(host)))];
        _agents = new IAgent?[_connect.Length];
        AnswerTimeout = options.AnswerTimeout;
        int port = options.UsesTls ? ConsulStoreOptions.DefaultTlsPort : ConsulStoreOptions.DefaultPort;
        Address = string.Join(',', options.Agents.Select(host => host with { Port = host.Port ?? port }));
    }

    public string Address { get; }

    public TimeSpan AnswerTimeout { get; }

    /// <summary>Sends a commit, when it is its turn.</summary>
    /// <param name="request">The request.</param>
    /// <param name="mayRepeat">Whether the request does no harm when it is applied twice.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async ValueTask<ConsulAnswer> CommitAsync(ConsulRequest request, bool mayRepeat, CancellationToken cancellationToken)
    {
        await _commits.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await CallAsync(request, mayRepeat, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _commits.Release();
        }
    }

    /// <summary>Sends a request and reads its answer.</summary>
    /// <param name="request">The request.</param>
    /// <param name="mayRepeat">Whether the request does no harm when it is applied twice.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, bool mayRepeat, CancellationToken cancellationToken)
    {
        int first = _preferred;
        AgentException? worst = null;
        for (int i = 0; ; i++)
        {
            int number = (first + i) % _agents.Length;
            var agent = Agent(number);
            try
            {
                var answer = await agent.CallAsync(request, cancellationToken).ConfigureAwait(false);
                if (i > 0)
                {
                    _preferred = number;
                }

                return answer;
            }
            catch (AgentException e)
            {
                if (cancellationToken.IsCancellationRequested && (mayRepeat || !e.WasSent))
                {
                    throw new OperationCanceledException(e.Message, e, cancellationToken);
                }

                ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) && (mayRepeat || !e.WasSent), typeof(ConsulStore));
                Leave(number, e, cancellationToken);
                worst = worst is null || Rank(e) >= Rank(worst) ? e : worst;
                if (!Failures.AskElsewhere(e, mayRepeat) || i + 1 == _agents.Length || cancellationToken.IsCancellationRequested)
                {
                    // an outcome that is open is so whatever others said before
                    throw Failures.ToException(e.WasSent && !mayRepeat ? e : worst, isWrite: !mayRepeat, agent.Address);
                }
            }
        }
    }

    /// <summary>
    /// Asks agent after agent, the next one already while one is slow, and takes the first answer: an agent passes requests on to the leader it
    /// knows, and hangs with it, while another one knows the new leader already.
    /// </summary>
    public async ValueTask<ConsulAnswer> HedgeAsync(ConsulRequest request, TimeSpan hedge, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        int first = _preferred;
        var asked = new Dictionary<Task<ConsulAnswer>, int>();
        int next = 0;
        AgentException? worst = null;
        try
        {
            while (true)
            {
                if (next < _agents.Length)
                {
                    int number = (first + next++) % _agents.Length;
                    asked.Add(Agent(number).CallAsync(request, done.Token).AsTask(), number);
                }

                using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                var pause = Task.Delay(next < _agents.Length ? hedge : Timeout.InfiniteTimeSpan, _time, stop.Token);
                var ended = await Task.WhenAny([.. asked.Keys, pause]).ConfigureAwait(false);
                await stop.CancelAsync().ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (ended is not Task<ConsulAnswer> call || !asked.Remove(call, out int who))
                {
                    continue;
                }

                try
                {
                    var answer = await call.ConfigureAwait(false);
                    _preferred = who;
                    return answer;
                }
                catch (AgentException e)
                {
                    ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), typeof(ConsulStore));
                    Leave(who, e, cancellationToken);
                    worst = worst is null || Rank(e) >= Rank(worst) ? e : worst;
                    if (asked.Count == 0 && next == _agents.Length)
                    {
                        throw Failures.ToException(worst, isWrite: false, Address);
                    }
                }
            }
        }
        finally
        {
            // a caller in a hurry ends the call before an agent's own timeout does; the next one shall begin elsewhere all the same
            if (cancellationToken.IsCancellationRequested)
            {
                foreach (int number in asked.Values)
                {
                    Leave(number);
                }
            }

            await done.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(asked.Keys)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            Volatile.Write(ref _disposed, true);
            foreach (var agent in _agents)
            {
                agent?.Dispose();
            }
        }
    }

    private IAgent Agent(int number)
    {
        if (Volatile.Read(ref _agents[number]) is { } ready && !Volatile.Read(ref _disposed))
        {
            return ready;
        }

        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(ConsulStore));
            return _agents[number] ??= _connect[number]();
        }
    }

    private void Leave(int number, AgentException e, CancellationToken cancellationToken)
    {
        bool isOurImpatience = e.Failure == AgentFailure.TimedOut && cancellationToken.IsCancellationRequested;
        if (!isOurImpatience && (e.Failure != AgentFailure.Answer || e.Status is 429 or >= 500))
        {
            Leave(number);
        }
    }

    private void Leave(int number)
    {
        if (_preferred == number)
        {
            _preferred = (number + 1) % _agents.Length;
        }
    }

    // what can be mended is worth more to be told than that somebody did not answer
    private static int Rank(AgentException e) => e.Failure switch
    {
        AgentFailure.Tls => 3,
        AgentFailure.Answer when e.Status < 500 => 2,
        AgentFailure.Answer => 1,
        _ => 0,
    };
}
