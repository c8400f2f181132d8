using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>One attempt at a transaction. False means busy and nothing done.</summary>
internal delegate bool Attempt<in TState, TResult>(StoreFile file, TState state, out TResult result);

/// <summary>
/// Lets one caller at a time into the file, opens it for the first, waits while another process writes, and says in the words of the contract
/// what went wrong. Where nobody else is about, a call runs to its end on the caller's thread.
/// </summary>
internal sealed class StoreAccess(string path, SqliteStoreOptions options, TimeProvider time, ChangeHints hints) : IAsyncDisposable
{
    // A writing transaction takes 20 to 50 microseconds: about 150 of spinning outlast most of them and cost less than a thread switch.
    private const int Spins = 20;
    private const int SpinLength = 200;

    // a third of what an attempt to renew the shortest session has
    private static readonly TimeSpan LongestAhead = TimeSpan.FromMilliseconds(100);

    // Dispose waits in this queue like everybody else, so calls that were there first end first. Never disposed: it holds no handle.
    private readonly SemaphoreSlim _gate = new(1, 1);

    // Who is given the turn may have to wait for a thread before using it. What must not wait for that comes between: the file has a lock of its own, held for
    // as long as one attempt takes.
    private readonly Lock _using = new();
    private StoreFile? _file;
    private StoreFormatException? _moved;
    private bool _closed;

    /// <summary>The path without symbolic links; null until the file is open.</summary>
    public string? RealPath { get; private set; }

    /// <summary>Set once the path has been seen to name another file. Every call fails from then on.</summary>
    public bool HasMoved => Volatile.Read(ref _moved) is not null;

    /// <summary>Runs an operation.</summary>
    /// <exception cref="ConclaveException">It failed; the connection is usable again.</exception>
    public ValueTask<TResult> RunAsync<TState, TResult>(Attempt<TState, TResult> attempt, TState state, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<TResult>(cancellationToken);
        }

        if (_gate.Wait(0, CancellationToken.None))
        {
            bool done;
            TResult result;
            try
            {
                done = TryRun(attempt, state, out result);
            }
            finally
            {
                _gate.Release();
            }

            if (done)
            {
                return new(result);
            }
        }

        return WaitAndRunAsync(attempt, state, cancellationToken);
    }

    /// <summary>
    /// Runs an operation that is not to wait for a thread of the pool, which may not be to be had: neither for its turn nor, while another process
    /// writes, for the next attempt. So it keeps its caller's thread for a while.
    /// </summary>
    /// <exception cref="ConclaveException">It failed; the connection is usable again.</exception>
    public ValueTask<TResult> RunAheadAsync<TState, TResult>(Attempt<TState, TResult> attempt, TState state, CancellationToken cancellationToken)
    {
        long startedAt = TimeProvider.System.GetTimestamp();
        var patience = default(SpinWait);
        while (!cancellationToken.IsCancellationRequested)
        {
            if (TryRun(attempt, state, out var result))
            {
                return new(result);
            }

            if (TimeProvider.System.GetElapsedTime(startedAt) > LongestAhead)
            {
                return WaitAndRunAsync(attempt, state, cancellationToken);
            }

            patience.SpinOnce();
        }

        return ValueTask.FromCanceled<TResult>(cancellationToken);
    }

    /// <summary>Closes the file behind the calls that came before.</summary>
    public async ValueTask DisposeAsync()
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            lock (_using)
            {
                _closed = true;
                _file?.Dispose();
                _file = null;
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private async ValueTask<TResult> WaitAndRunAsync<TState, TResult>(Attempt<TState, TResult> attempt, TState state, CancellationToken cancellationToken)
    {
        long? busySince = null;
        while (true)
        {
            await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (TryRun(attempt, state, out var result))
                {
                    return result;
                }
            }
            finally
            {
                _gate.Release();
            }

            // by the real clock, whatever clock the sessions have: another process writes in real time
            busySince ??= TimeProvider.System.GetTimestamp();
            var waited = TimeProvider.System.GetElapsedTime(busySince.Value);
            if (waited >= options.BusyTimeout)
            {
                throw Failures.Busy(path, waited);
            }

            // the gate is free meanwhile: reads go on while another process writes
            await Task.Delay(TimeSpan.FromMilliseconds(1 + (9 * Random.Shared.NextDouble())), TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool TryRun<TState, TResult>(Attempt<TState, TResult> attempt, TState state, out TResult result)
    {
        for (int i = 0; i < Spins; i++)
        {
            if (TryOnce(attempt, state, out result))
            {
                return true;
            }

            Thread.SpinWait(SpinLength);
        }

        result = default!;
        return false;
    }

    private bool TryOnce<TState, TResult>(Attempt<TState, TResult> attempt, TState state, out TResult result)
    {
        lock (_using)
        {
            return TryLocked(attempt, state, out result);
        }
    }

    private bool TryLocked<TState, TResult>(Attempt<TState, TResult> attempt, TState state, out TResult result)
    {
        ObjectDisposedException.ThrowIf(_closed, typeof(SqliteStore));
        if (_moved is not null)
        {
            throw Failures.Moved(path);
        }

        result = default!;
        try
        {
            return TryOpen() && attempt(_file!, state, out result);
        }
        catch (SqliteException e) when (e.IsBusy)
        {
            Recover();
            return false;
        }
        catch (SqliteException e)
        {
            Recover();
            throw Failures.From(e, path);
        }
        catch
        {
            Recover();
            throw;
        }
    }

    private bool TryOpen()
    {
        if (_file is null)
        {
            RealPath = FileLocation.Prepare(path, options.FileMode);
            _file = StoreFile.TryOpen(path, RealPath, options, time, hints);
        }

        return _file is not null;
    }

    private void Recover()
    {
        try
        {
            _file?.Rollback();
        }
        catch (SqliteException)
        {
            // a connection that cannot even roll back is opened anew by the next call; closing it rolls back
            _file?.Dispose();
            _file = null;
        }
    }

    /// <summary>Looks whether the path still names the file that is open.</summary>
    /// <returns>False from the moment that it does not.</returns>
    public ValueTask<bool> CheckPlaceAsync(CancellationToken cancellationToken) => HasMoved
        ? new(false)
        : RunAsync(
            static (StoreFile file, StoreAccess self, out bool inPlace) =>
            {
                inPlace = self.IsInPlace(file);
                return true;
            },
            this,
            cancellationToken);

    /// <summary>The same inside an operation.</summary>
    /// <exception cref="StoreFormatException">The path names another file.</exception>
    public void RequirePlace(StoreFile file)
    {
        if (!IsInPlace(file))
        {
            throw Failures.Moved(path);
        }
    }

    /// <summary>The same inside an operation, as an answer.</summary>
    public bool IsInPlace(StoreFile file)
    {
        if (_moved is null && file.HasMoved)
        {
            Volatile.Write(ref _moved, Failures.Moved(path));
        }

        return _moved is null;
    }
}
