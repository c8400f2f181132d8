using System.Globalization;
using Conclave.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Conclave.Postgres;

/// <summary>
/// One connection that listens, for all who wait, opened with the first of them. While it listens it holds a lock, shared, by which commits know that
/// somebody does; it goes with the connection, so nobody has to be forgotten. What was committed before the lock was held is covered by the
/// revision that is read behind it.
/// </summary>
internal sealed partial class ListenFeed(Server server, Namespace space, PostgresStoreOptions options, ChangeHints hints, TimeProvider time, ILogger logger)
    : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>How long silence is believed, and how long a connection that nobody waits on is kept.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private TimeSpan _pause = FirstPause;
    private ConclaveException? _refused;
    private bool _isRunning;
    private long _wanted;

    public ValueTask<long> WaitAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
    {
        // registered before the connection is looked after: whatever it has missed when it listens wakes who is registered
        var wait = hints.WaitAsync(prefix, afterRevision, cancellationToken);
        lock (_lock)
        {
            if (_refused is { } refused)
            {
                _refused = null;
                throw refused;
            }

            _wanted = time.GetTimestamp();
            if (!_isRunning && !_stop.IsCancellationRequested && !wait.IsCompleted)
            {
                _isRunning = true;
                _running = RunAsync(_running);
            }
        }

        return wait;
    }

    public async ValueTask DisposeAsync()
    {
        Task running;
        lock (_lock)
        {
            running = _running;
            _stop.Cancel();
        }

        await running.ConfigureAwait(false);
    }

    private async Task RunAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(_stop.Token).ConfigureAwait(false);
                if (StopIfIdle())
                {
                    return;
                }
            }
            catch (ConclaveException e) when (!e.IsTransient)
            {
                // the next one who waits is told; those who do, wake up and look
                Refuse(e);
                return;
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                LogListeningLost(e, server.Address);
            }
            catch (Exception)
            {
                return;
            }

            var pause = _pause * (0.75 + (Random.Shared.NextDouble() / 2));
            _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
            await Task.Delay(pause, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Opens the connection and publishes what it hears, until nobody waits any more.</summary>
    private async ValueTask FollowAsync(CancellationToken cancellationToken)
    {
        OpenNamespace where;
        NpgsqlConnection connection;
        using (var opening = Limit(cancellationToken))
        {
            where = (await space.OpenAsync(create: true, opening.Token).ConfigureAwait(false))!;
            connection = await server.OpenListenerAsync(opening.Token).ConfigureAwait(false);
        }

        await using var _ = connection.ConfigureAwait(false);
        connection.Notification += (_, message) => Publish(message, where);
        using (var opening = Limit(cancellationToken))
        {
            // whatever the database's defaults are; this connection is nobody else's
            await ExecuteAsync(connection, "SET statement_timeout = 0", opening.Token).ConfigureAwait(false);
            await ExecuteAsync(connection, "SET lock_timeout = 0", opening.Token).ConfigureAwait(false);
            await ExecuteAsync(connection, $"LISTEN {where.Channel}", opening.Token).ConfigureAwait(false);
            await ExecuteAsync(connection, $"SELECT pg_advisory_lock_shared({where.ListenClass}, {where.Id})", opening.Token).ConfigureAwait(false);
            var now = await server.CallAsync(new CommitCall(new(), where), opening.Token).ConfigureAwait(false);
            if (now.Result is null)
            {
                space.Leave(where);
                throw new StoreUnavailableException("The namespace was opened anew meanwhile.");
            }

            hints.Forget(now.Result.Revision);
        }

        _pause = FirstPause;
        while (!IsIdle())
        {
            if (!await connection.WaitAsync(Patience, cancellationToken).ConfigureAwait(false))
            {
                await CheckAsync(connection, where, cancellationToken).ConfigureAwait(false);
            }
        }

        using var closing = Limit(cancellationToken);
        await ExecuteAsync(connection, $"UNLISTEN {where.Channel}", closing.Token).ConfigureAwait(false);
        await ExecuteAsync(connection, $"SELECT pg_advisory_unlock_shared({where.ListenClass}, {where.Id})", closing.Token).ConfigureAwait(false);
    }

    /// <summary>Silence proves nothing: asks whether the connection is there, and still the one that listens.</summary>
    private async ValueTask CheckAsync(NpgsqlConnection connection, OpenNamespace where, CancellationToken cancellationToken)
    {
        using var limit = Limit(cancellationToken);
        using var command = new NpgsqlCommand($"SELECT '{where.Channel}' IN (SELECT pg_listening_channels())", connection) { CommandTimeout = 0 };
        bool listens = (bool)(await command.ExecuteScalarAsync(limit.Token).ConfigureAwait(false))!;
        if (!listens)
        {
            throw new StoreConfigurationException(
                $"What answers at {server.Address} lends its connections, so waiting for changes needs one past it: add listen=HOST:PORT (PostgresStoreOptions.ListenHost).");
        }

        if (space.Current is { } current && current.Channel != where.Channel)
        {
            throw new StoreUnavailableException("The schema was created anew.");
        }
    }

    private void Publish(NpgsqlNotificationEventArgs message, OpenNamespace where)
    {
        if (message.Channel != where.Channel)
        {
            return;
        }

        var payload = message.Payload.AsSpan();
        int end = payload.IndexOf('\n');
        if (!long.TryParse(end < 0 ? payload : payload[..end], NumberStyles.None, CultureInfo.InvariantCulture, out long revision))
        {
            return;
        }

        if (end < 0)
        {
            // too many keys for one message
            hints.Forget(revision);
            return;
        }

        payload = payload[(end + 1)..];
        foreach (var range in payload.Split('\n'))
        {
            hints.Publish(payload[range].ToString(), revision);
        }
    }

    private bool IsIdle() => hints.Waiters == 0 && time.GetElapsedTime(Volatile.Read(ref _wanted)) >= Patience;

    private bool StopIfIdle()
    {
        lock (_lock)
        {
            _isRunning = !IsIdle();
            return !_isRunning;
        }
    }

    private void Refuse(ConclaveException e)
    {
        lock (_lock)
        {
            (_refused, _isRunning) = (e, false);
        }

        hints.Forget(hints.Revision);
    }

    private CancellationTokenSource Limit(CancellationToken cancellationToken)
    {
        var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ConnectTimeout + options.AnswerTimeout);
        return limit;
    }

    private static async ValueTask ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The connection that listens at PostgreSQL on {Address} was lost and is opened again.")]
    private partial void LogListeningLost(Exception exception, string address);
}
