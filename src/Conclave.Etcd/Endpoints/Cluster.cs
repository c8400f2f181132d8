using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Conclave.Etcd;

/// <summary>
/// The members of the cluster as one: calls go to the member that answered last, and move on when it does not. Each call asks each member at most
/// once; waiting for better times is the caller's business.
/// </summary>
internal sealed partial class Cluster : IAsyncDisposable
{
    /// <summary>How long a member may take to connect before the next one is tried beside it.</summary>
    private static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(200);

    private readonly Endpoint[] _endpoints;
    private readonly EtcdStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly Credentials _credentials;
    private readonly Identity _identity = new();
    private readonly ILogger _logger;
    private volatile Endpoint _preferred;
    private volatile Endpoint? _answered;

    public Cluster(EtcdStoreOptions options, TimeProvider time, ILogger logger, Func<StoreHost, IEtcdWire>? connect = null)
    {
        (_options, _time, _logger, _credentials) = (options, time, logger, new(options));
        connect ??= host => new GrpcWire(host, options, time);
        _endpoints = [.. options.Endpoints.Select(host =>
        {
            host = host with { Port = host.Port ?? EtcdStoreOptions.DefaultPort };
            return new Endpoint(host, () => connect(host), options, _identity, time, logger);
        })];
        _preferred = _endpoints[0];
        Address = string.Join(',', _endpoints.Select(e => e.Address));
    }

    public string Address { get; }

    public int Size => _endpoints.Length;

    public Identity Identity => _identity;

    /// <summary>Sends a request and reads its answer.</summary>
    /// <param name="method">What to call.</param>
    /// <param name="request">The request.</param>
    /// <param name="header">The header of an answer.</param>
    /// <param name="mayRepeat">Whether the request does no harm when it is applied twice.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async ValueTask<TResponse> CallAsync<TResponse>(
        RpcMethod<TResponse> method, IMessage request, Func<TResponse, ResponseHeader?> header, bool mayRepeat, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        uint asked = 0;
        int repairs = 0;
        while (true)
        {
            var endpoint = await ChooseAsync(asked, cancellationToken).ConfigureAwait(false);
            try
            {
                return await AskAsync(endpoint, method, request, header, cancellationToken).ConfigureAwait(false);
            }
            catch (RpcException e)
            {
                if (e.Failure == RpcFailure.TimedOut && cancellationToken.IsCancellationRequested && mayRepeat)
                {
                    throw new OperationCanceledException(e.Message, e, cancellationToken);
                }

                // a connection that went away while idle, or a token that ran out, is no reason to leave a member
                var remedy = Failures.RemedyFor(e, mayRepeat);
                bool isRepair = e.Failure == RpcFailure.NotReady || (remedy == Remedy.Authenticate && _credentials.IsNeeded);
                if (isRepair && repairs++ < 2)
                {
                    continue;
                }

                asked |= 1u << Array.IndexOf(_endpoints, endpoint);
                if (remedy != Remedy.AskElsewhere || asked == (1u << _endpoints.Length) - 1 || cancellationToken.IsCancellationRequested)
                {
                    throw Failures.ToException(e, isWrite: !mayRepeat, endpoint.Address);
                }
            }
        }
    }

    /// <summary>Asks one member, and remembers what that says about it.</summary>
    /// <exception cref="RpcException">It failed.</exception>
    public async ValueTask<TResponse> AskAsync<TResponse>(
        Endpoint endpoint, RpcMethod<TResponse> method, IMessage request, Func<TResponse, ResponseHeader?> header, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        var link = await endpoint.ConnectAsync(cancellationToken).ConfigureAwait(false);
        string? token = await TokenAsync(link, cancellationToken).ConfigureAwait(false);
        try
        {
            var answer = await link.Wire.CallAsync(method, request, new(_options.AnswerTimeout, token), cancellationToken).ConfigureAwait(false);
            _identity.Check(header(answer), endpoint.Address);
            NoteAnswer(endpoint);
            return answer;
        }
        catch (RpcException e)
        {
            await LearnAsync(endpoint, link, token, e, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens a stream on a member that answers.</summary>
    /// <exception cref="RpcException">It failed.</exception>
    public async ValueTask<(IResponseStream<TResponse> Stream, Endpoint Endpoint, Link Link)> OpenAsync<TResponse>(
        RpcMethod<TResponse> method, IMessage request, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        var endpoint = await ChooseAsync(0, cancellationToken).ConfigureAwait(false);
        var link = await endpoint.ConnectAsync(cancellationToken).ConfigureAwait(false);
        string? token = await TokenAsync(link, cancellationToken).ConfigureAwait(false);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, link.Abandoned);
        try
        {
            return (await link.Wire.OpenAsync(method, request, token, either.Token).ConfigureAwait(false), endpoint, link);
        }
        catch (RpcException e)
        {
            await LearnAsync(endpoint, link, token, e, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>What a failed call says about its member and the connection to it.</summary>
    public async ValueTask LearnAsync(Endpoint endpoint, Link link, string? token, RpcException e, CancellationToken cancellationToken)
    {
        switch (e.Failure)
        {
            case RpcFailure.NotReady:
                endpoint.RequireHandshake(link, e);
                break;
            case RpcFailure.TimedOut when cancellationToken.IsCancellationRequested:
                // the caller's patience ended, not ours; see Leases for those who are in a hurry
                break;
            case not RpcFailure.Status:
                endpoint.Abandon(link, e);
                Leave(endpoint);
                break;
            default:
                switch (Failures.RemedyFor(e, mayRepeat: true))
                {
                    case Remedy.Authenticate:
                        await RefreshAsync(token, link, cancellationToken).ConfigureAwait(false);
                        break;
                    case Remedy.AskElsewhere:
                        Leave(endpoint);
                        break;
                }

                break;
        }
    }

    /// <summary>The members, beginning with the one that answered last.</summary>
    public IEnumerable<Endpoint> FromPreferred()
    {
        int first = Array.IndexOf(_endpoints, _preferred);
        return Enumerable.Range(first, _endpoints.Length).Select(i => _endpoints[i % _endpoints.Length]);
    }

    /// <summary>A member answered where another one did not.</summary>
    public void Prefer(Endpoint endpoint) => _preferred = endpoint;

    /// <summary>Asks the next member first from now on.</summary>
    public void Leave(Endpoint endpoint)
    {
        if (_preferred == endpoint)
        {
            _preferred = _endpoints[(Array.IndexOf(_endpoints, endpoint) + 1) % _endpoints.Length];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_endpoints.Select(e => e.DisposeAsync().AsTask())).ConfigureAwait(false);
        _credentials.Dispose();
    }

    private ValueTask<Endpoint> ChooseAsync(uint asked, CancellationToken cancellationToken)
    {
        var preferred = _preferred;
        return preferred.IsReady && (asked & (1u << Array.IndexOf(_endpoints, preferred))) == 0
            ? new(preferred)
            : ConnectAnyAsync(asked, cancellationToken);
    }

    /// <summary>
    /// Connects to the first of the members that answers. They are tried one after the other, the next one already while one is slow to answer, so
    /// that one that is dead costs a moment and not its whole timeout.
    /// </summary>
    private async ValueTask<Endpoint> ConnectAnyAsync(uint asked, CancellationToken cancellationToken)
    {
        var waiting = new Queue<Endpoint>(FromPreferred().Where(e => (asked & (1u << Array.IndexOf(_endpoints, e))) == 0));
        var trying = new Dictionary<Task, Endpoint>();
        Exception? worst = null;
        while (true)
        {
            if (waiting.TryDequeue(out var next))
            {
                trying.Add(next.ConnectAsync(cancellationToken).AsTask().Observed(), next);
            }
            else if (trying.Count == 0)
            {
                throw worst as ConclaveException ?? Failures.ToException((RpcException)worst!, isWrite: false, Address);
            }

            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var patience = Task.Delay(waiting.Count > 0 ? Stagger : Timeout.InfiniteTimeSpan, _time, stop.Token);
            var first = await Task.WhenAny([.. trying.Keys, patience]).ConfigureAwait(false);
            await stop.CancelAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (first == patience || !trying.Remove(first, out var endpoint))
            {
                continue;
            }

            try
            {
                await first.ConfigureAwait(false);
                _preferred = endpoint;
                return endpoint;
            }
            catch (Exception e) when (e is RpcException or ConclaveException)
            {
                worst = Worse(worst, e);
            }
        }
    }

    // what can be mended is worth more to be told than that somebody did not answer
    private static Exception Worse(Exception? known, Exception e) => known is null || Rank(e) > Rank(known) ? e : known;

    private static int Rank(Exception e) => e switch
    {
        RpcException { Failure: RpcFailure.Tls } => 3,
        ConclaveException => 2,
        RpcException { Failure: RpcFailure.NotEtcd } => 1,
        _ => 0,
    };

    private async ValueTask<string?> TokenAsync(Link link, CancellationToken cancellationToken)
    {
        if (_credentials is { IsNeeded: true, Token: null })
        {
            await RefreshAsync(null, link, cancellationToken).ConfigureAwait(false);
        }

        return _credentials.Token;
    }

    // told when another member answers, not when one is left: while nobody answers, every call leaves one
    private void NoteAnswer(Endpoint endpoint)
    {
        if (_answered is var before && before != endpoint)
        {
            _answered = endpoint;
            if (before is not null)
            {
                LogMoved(before.Address, endpoint.Address);
            }
        }
    }

    /// <exception cref="RpcException">The user was refused; nothing of the call itself was sent.</exception>
    private async ValueTask RefreshAsync(string? old, Link link, CancellationToken cancellationToken)
    {
        try
        {
            await _credentials.RefreshAsync(old, link.Wire, cancellationToken).ConfigureAwait(false);
        }
        catch (RpcException e) when (e.Failure != RpcFailure.Status)
        {
            throw new RpcException(e.Failure, wasSent: false, e.Message, e);
        }
    }
    [LoggerMessage(Level = LogLevel.Information, Message = "etcd at {Before} is left; {Address} answers.")]
    private partial void LogMoved(string before, string address);
}
