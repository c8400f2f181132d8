using Conclave.Etcd.Messages;

namespace Conclave.Etcd;

/// <summary>The token of a user. One for all members; made when first needed, and anew when a member does not know it any more.</summary>
internal sealed class Credentials(EtcdStoreOptions options) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private volatile string? _token;

    public string? Token => _token;

    public bool IsNeeded => options.User is not null;

    /// <summary>Gets a token, unless somebody else has got one since.</summary>
    /// <param name="old">The token that did not work, or null for none.</param>
    /// <param name="wire">Whom to ask.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="RpcException">It was refused.</exception>
    public async ValueTask RefreshAsync(string? old, IEtcdWire wire, CancellationToken cancellationToken)
    {
        if (!IsNeeded)
        {
            return;
        }

        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_token is null || _token == old)
            {
                var request = new AuthenticateRequest { Name = options.User, Password = options.Password };
                _token = (await wire.CallAsync(EtcdApi.Authenticate, request, new(options.AnswerTimeout), cancellationToken).ConfigureAwait(false)).Token;
            }
        }
        catch (RpcException e) when (Failures.IsAuthDisabled(e))
        {
            // as etcd's own client does: where nobody is asked for a name, giving one is no mistake
            _token = "";
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();
}
