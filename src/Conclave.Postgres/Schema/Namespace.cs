using Conclave.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Conclave.Postgres;

/// <summary>A namespace that was found.</summary>
/// <param name="Id">Its number, the second one of its advisory locks.</param>
/// <param name="Nonce">The incarnation of the server in which it was found. Another one has forgotten all sessions.</param>
/// <param name="LockClass">The first number of the schema's advisory locks.</param>
internal sealed record OpenNamespace(int Id, long Nonce, int LockClass)
{
    /// <summary>The channel of its notifications.</summary>
    public string Channel => $"conclave_{LockClass}_{Id}";

    /// <summary>The first number of the lock that is held by those who listen.</summary>
    public int ListenClass => LockClass + 1;
}

/// <summary>Finds the namespace with the first use, and again when the server has forgotten.</summary>
/// <param name="server">The connections.</param>
/// <param name="options">What it is called.</param>
/// <param name="time">Our monotonic clock.</param>
/// <param name="onOpened">Called with false when it was opened first, with true whenever it is another incarnation after that.</param>
internal sealed class Namespace(Server server, PostgresStoreOptions options, TimeProvider time, Action<bool> onOpened)
{
    private readonly Migration _migration = new(server, options);
    private readonly Lock _lock = new();
    private readonly Task<OpenNamespace?>?[] _opening = new Task<OpenNamespace?>?[2];
    private volatile OpenNamespace? _open;
    private long _lastNonce;
    private int _waitOut;
    private long _waitOutSince;

    /// <summary>The namespace, if it is open.</summary>
    public OpenNamespace? Current => _open;

    /// <summary>The namespace.</summary>
    /// <param name="create">Whether to create what is missing.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>Null when there is none and it was not to be created.</returns>
    public ValueTask<OpenNamespace?> OpenAsync(bool create, CancellationToken cancellationToken)
    {
        if (_open is { } open)
        {
            return new(open);
        }

        lock (_lock)
        {
            // shared by all who come before it has ended; a failure is theirs, the next one tries again
            ref var opening = ref _opening[create ? 1 : 0];
            if (opening is null || opening.IsCompleted)
            {
                opening = OpenOnceAsync(create).Observed();
            }

            return new(opening.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Says that what was found is not there any more.</summary>
    public void Leave(OpenNamespace found)
    {
        lock (_lock)
        {
            if (_open == found)
            {
                _open = null;
            }
        }
    }

    /// <summary>How much of the wait-out has passed since we heard of it, on our own monotonic clock, and how much it was then.</summary>
    public (int Waited, int Of) WaitOut()
    {
        lock (_lock)
        {
            // a little less than it seems: our clock may be fast
            return _waitOut == 0 ? (0, 0) : ((int)Math.Min(_waitOut, time.GetElapsedTime(_waitOutSince).TotalMilliseconds * 0.999), _waitOut);
        }
    }

    /// <summary>Hears how much of the wait-out is left.</summary>
    public void HearWaitOut(int left)
    {
        lock (_lock)
        {
            if (left != _waitOut)
            {
                (_waitOut, _waitOutSince) = (left, time.GetTimestamp());
            }
        }
    }

    private async Task<OpenNamespace?> OpenOnceAsync(bool create)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var timeout = new CancellationTokenSource(options.ConnectTimeout + options.AnswerTimeout, time);
        try
        {
            return await FindAsync(create, timeout.Token).ConfigureAwait(false);
        }
        catch (PostgresException e) when (Failures.IsRolledBack(e))
        {
            throw Failures.Answered(e, server.Address, server.Schema);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or OperationCanceledException)
        {
            throw Failures.Lost(e, isWrite: false, server.Address);
        }
        catch (MissingSchemaException e)
        {
            throw new StoreFormatException($"The schema {server.Schema} at {server.Address} is damaged: {e.Message}.", e);
        }
    }

    private async ValueTask<OpenNamespace?> FindAsync(bool create, CancellationToken cancellationToken)
    {
        FoundSchema found;
        var connection = await server.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            found = await _migration.LookAsync(connection, cancellationToken).ConfigureAwait(false);
            if (found.Version is null)
            {
                if (!create)
                {
                    return null;
                }

                found = await _migration.MigrateAsync(connection, cancellationToken).ConfigureAwait(false);
            }
        }

        while (true)
        {
            var call = new OpenNamespaceCall(options.Namespace, SessionNumber.New(), create);
            var (status, id, nonce, waitOut) = await server.CallAsync(call, cancellationToken).ConfigureAwait(false);
            switch (status)
            {
                case Status.Applied:
                    return Enter(new(id, nonce, found.LockClass), waitOut);
                case Status.NoNamespace:
                    return null;
                case Status.BadEpoch:
                    throw new StoreFormatException(
                        $"The server at {server.Address} forgot its sessions, but the epoch under '{StoreNames.EpochKey}' of the namespace '{options.Namespace}' "
                        + $"cannot be raised: it must be digits below {StoreEpoch.Max}; put it right.");
                default:
                    server.BeStrict();
                    break;
            }
        }
    }

    private OpenNamespace Enter(OpenNamespace found, int waitOut)
    {
        bool isFirst, isOther;
        lock (_lock)
        {
            (isFirst, isOther) = (_lastNonce == 0, _lastNonce != found.Nonce);
            if (isOther)
            {
                (_waitOut, _waitOutSince) = (waitOut, time.GetTimestamp());
            }

            _lastNonce = found.Nonce;
        }

        if (isOther)
        {
            onOpened(!isFirst);
        }

        _open = found;
        return found;
    }
}

/// <summary>Finds or creates a namespace.</summary>
internal sealed record OpenNamespaceCall(string Name, long Nonce, bool Create) : ICall<(Status Status, int Id, long Nonce, int WaitOut)>
{
    // the second one finds what the first one made
    public bool IsWrite => false;

    public bool TakesTurn => false;

    public string Sql(string schema) => $"SELECT * FROM {schema}.open_namespace($1, $2, $3)";

    public void Bind(NpgsqlParameterCollection parameters)
    {
        parameters.Add(new NpgsqlParameter<string> { TypedValue = Name, NpgsqlDbType = NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Nonce, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<bool> { TypedValue = Create, NpgsqlDbType = NpgsqlDbType.Boolean });
    }

    public async ValueTask<(Status Status, int Id, long Nonce, int WaitOut)> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        var status = (Status)reader.GetInt32(0);
        return status == Status.Applied ? (status, reader.GetInt32(1), reader.GetInt64(2), reader.GetInt32(3)) : (status, 0, 0, 0);
    }
}
