using System.Globalization;
using Conclave.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Conclave.Postgres;

/// <summary>One call of one of our functions: built anew for each attempt.</summary>
/// <typeparam name="T">What it answers.</typeparam>
internal interface ICall<T>
{
    /// <summary>Whether repeating it after it may have been applied could do harm.</summary>
    bool IsWrite { get; }

    /// <summary>Whether it waits for its turn among the commits of the namespace.</summary>
    bool TakesTurn { get; }

    /// <summary>The statement, with <c>$1</c> for the first parameter.</summary>
    string Sql(string schema);

    /// <summary>Adds the parameters.</summary>
    void Bind(NpgsqlParameterCollection parameters);

    /// <summary>Reads the rows.</summary>
    ValueTask<T> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken);
}

/// <summary>
/// The connections to a server: lends one per call, repeats what may be repeated, and says in the words of the contract what went wrong.
/// No call leaves anything on its connection, so a pooler may hand out another one for the next.
/// </summary>
internal sealed partial class Server : IAsyncDisposable
{
    private const int Attempts = 8;

    // immune to the defaults of database and role; the other settings are those of the functions themselves
    private const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    private const string NoTimeout = "SET LOCAL statement_timeout = 0";
    private const string Commit = "COMMIT";

    private readonly PostgresStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly NpgsqlDataSource _dataSource;
    private readonly NpgsqlDataSource _listening;
    private readonly SemaphoreSlim _commits;
    private volatile NpgsqlDataSource? _unprepared;
    private volatile bool _isStrict;
    private volatile bool _disposed;

    public Server(PostgresStoreOptions options, TimeProvider time, ILogger logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        Schema = QuoteName(options.Schema);
        _dataSource = options.DataSource ?? DataSources.Build(options, options.Hosts, prepares: options.Pooler != true);
        _listening = options.DataSource ?? DataSources.Build(options, options.ListenHost is { } host ? [host] : options.Hosts, prepares: false, isPooled: false);

        // one connection is left for sessions: no renewal waits behind commits that wait for each other
        _commits = new(options.MaxConnections - 1);
        Address = options.DataSource is null
            ? string.Create(CultureInfo.InvariantCulture, $"{string.Join(',', options.Hosts)}/{options.Database ?? options.User}")
            : new NpgsqlConnectionStringBuilder(options.DataSource.ConnectionString) is var parts ? $"{parts.Host}:{parts.Port}/{parts.Database}" : "";
    }

    /// <summary>Where the server is, without secrets.</summary>
    public string Address { get; }

    /// <summary>The schema, quoted for a statement.</summary>
    public string Schema { get; }

    /// <summary>Whether calls go in a transaction block of their own, because a default of the database would change what they mean.</summary>
    public bool IsStrict => _isStrict;

    /// <summary>Whether something between us and the server lends its connections.</summary>
    public bool HasPooler { get; private set; }

    private NpgsqlDataSource Current => _unprepared ?? _dataSource;

    public static string QuoteName(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>From now on in a transaction block.</summary>
    public void BeStrict() => _isStrict = true;

    /// <summary>From now on without prepared statements: the connection that prepared one is not the one that executes it.</summary>
    public void ExpectPooler()
    {
        HasPooler = true;
        if (_options.DataSource is null && _options.Pooler is null && _unprepared is null)
        {
            LogPooler(Address);
            _unprepared = DataSources.Build(_options, _options.Hosts, prepares: false);
        }
    }

    /// <summary>Makes a call.</summary>
    /// <exception cref="ConclaveException">It failed; what it means for the caller.</exception>
    /// <exception cref="MissingSchemaException">The schema is not there, or another one.</exception>
    public async ValueTask<T> CallAsync<T>(ICall<T> call, CancellationToken cancellationToken)
    {
        if (!call.TakesTurn)
        {
            return await RepeatAsync(call, cancellationToken).ConfigureAwait(false);
        }

        await _commits.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await RepeatAsync(call, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _commits.Release();
        }
    }

    /// <summary>Opens the connection that listens: not one that is lent.</summary>
    public async ValueTask<NpgsqlConnection> OpenListenerAsync(CancellationToken cancellationToken)
    {
        if (HasPooler && _options.ListenHost is null && _options.Pooler != false)
        {
            throw new StoreConfigurationException(
                $"Something between us and PostgreSQL at {Address} lends its connections, so waiting for changes needs one past it: "
                + "add listen=HOST:PORT (PostgresStoreOptions.ListenHost), or pooler=false where a connection is lent for as long as it is open.");
        }

        return await OpenAsync(_listening, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Opens a connection of its own for several statements.</summary>
    public ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) => OpenAsync(Current, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        if (_options.DataSource is null)
        {
            await _dataSource.DisposeAsync().ConfigureAwait(false);
            await _listening.DisposeAsync().ConfigureAwait(false);
        }

        if (_unprepared is { } unprepared)
        {
            await unprepared.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<T> RepeatAsync<T>(ICall<T> call, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(PostgresStore));
            var connection = await OpenAsync(Current, cancellationToken).ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            try
            {
                return await CallOnceAsync(connection, call, cancellationToken).ConfigureAwait(false);
            }
            catch (PostgresException e) when (Failures.IsRolledBack(e))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (Failures.IsMissingSchema(e))
                {
                    throw new MissingSchemaException(e);
                }

                bool isForeign = Failures.IsForeignStatement(e) && _options.DataSource is null;
                if (attempt >= Attempts || !(isForeign || Failures.IsWorthRepeating(e)))
                {
                    throw Failures.Answered(e, Address, Schema);
                }

                if (isForeign)
                {
                    ExpectPooler();
                }
                else
                {
                    BeStrict();
                }
            }
            catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or InvalidOperationException or OperationCanceledException)
            {
                // what else lies in the pool was most likely lost as well, and one unknown outcome is enough
                Clear();
                if (e is OperationCanceledException && cancellationToken.IsCancellationRequested
                    && (!call.IsWrite || e.InnerException is PostgresException rolledBack && Failures.IsRolledBack(rolledBack)))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }

                if (call.IsWrite || attempt > 1 || e is OperationCanceledException)
                {
                    ObjectDisposedException.ThrowIf(_disposed && !call.IsWrite, typeof(PostgresStore));
                    throw Failures.Lost(e, call.IsWrite, Address);
                }
            }
        }
    }

    private async ValueTask<T> CallOnceAsync<T>(NpgsqlConnection connection, ICall<T> call, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var timer = _time.CreateTimer(static source => ((CancellationTokenSource)source!).Cancel(), timeout, _options.AnswerTimeout, Timeout.InfiniteTimeSpan);
        var limit = timeout.Token;
        _options.OnCall?.Invoke();
        if (!_isStrict)
        {
            using var command = new NpgsqlCommand(call.Sql(Schema), connection) { CommandTimeout = 0 };
            call.Bind(command.Parameters);
            return await ReadAsync(await command.ExecuteReaderAsync(limit).ConfigureAwait(false), call, limit).ConfigureAwait(false);
        }

        // still one round trip: the four statements are sent together
        using var batch = new NpgsqlBatch(connection) { Timeout = 0 };
        batch.BatchCommands.Add(new(Begin));
        batch.BatchCommands.Add(new(NoTimeout));
        var work = new NpgsqlBatchCommand(call.Sql(Schema));
        call.Bind(work.Parameters);
        batch.BatchCommands.Add(work);
        batch.BatchCommands.Add(new(Commit));
        try
        {
            return await ReadAsync(await batch.ExecuteReaderAsync(limit).ConfigureAwait(false), call, limit).ConfigureAwait(false);
        }
        catch (PostgresException e) when (Failures.IsRolledBack(e))
        {
            // the block is still open, and holds the connection if a pooler lent it
            using var rollback = new NpgsqlCommand("ROLLBACK", connection) { CommandTimeout = 0 };
            await rollback.ExecuteNonQueryAsync(limit).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask<T> ReadAsync<T>(NpgsqlDataReader reader, ICall<T> call, CancellationToken cancellationToken)
    {
        await using var _ = reader.ConfigureAwait(false);
        var result = await call.ReadAsync(reader, cancellationToken).ConfigureAwait(false);

        // the server commits behind the rows: only its last message says that it did
        while (await reader.NextResultAsync(cancellationToken).ConfigureAwait(false))
        {
        }

        return result;
    }

    private async ValueTask<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is NpgsqlException or IOException or TimeoutException or System.Net.Sockets.SocketException or ObjectDisposedException or InvalidOperationException)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(PostgresStore));
            throw Failures.NotConnected(e, Address, Schema);
        }
    }

    private void Clear()
    {
        if (_options.DataSource is null && !_disposed)
        {
            Current.Clear();
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Something between us and PostgreSQL at {Address} lends its connections; statements are not prepared.")]
    private partial void LogPooler(string address);
}

/// <summary>The schema is not there, or is not the one that we found before. Nothing was applied.</summary>
internal sealed class MissingSchemaException(PostgresException inner) : Exception(inner.MessageText, inner);
