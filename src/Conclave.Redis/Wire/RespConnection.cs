using System.Diagnostics.CodeAnalysis;

namespace Conclave.Redis;

/// <summary>A message that the server sends unasked.</summary>
internal delegate void PushHandler(ref RespReader push);

/// <summary>
/// One connection that many callers share: commands are written in the order they come, those that come while a write is under way leave
/// together with the next one, and answers come back in the same order.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "disposed asynchronously")]
internal sealed class RespConnection : IRedisConnection, IThreadPoolWorkItem
{
    private readonly Lock _lock = new();
    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly TimeSpan _timeout;
    private readonly PushHandler? _onPush;
    private readonly Queue<RedisCommand> _inFlight = new();
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _watchdog;
    private readonly Task _receiving;
    private List<RedisCommand> _queued = [];
    private List<RedisCommand> _leaving = [];
    private RespWriter _writer = new();
    private RespWriter _sending = new();
    private Task _flush = Task.CompletedTask;
    private bool _isFlushing;
    private Exception? _failure;

    /// <summary>Begins to read from a stream.</summary>
    /// <param name="stream">The connected stream; disposed with the connection.</param>
    /// <param name="time">The clock of the timeouts.</param>
    /// <param name="timeout">A command without an answer for this long breaks the connection.</param>
    /// <param name="onPush">Takes the messages that nobody asked for; called by the receiving loop.</param>
    public RespConnection(Stream stream, TimeProvider time, TimeSpan timeout, PushHandler? onPush = null)
    {
        (_stream, _time, _timeout, _onPush) = (stream, time, timeout, onPush);
        _watchdog = time.CreateTimer(static connection => ((RespConnection)connection!).Watch(), this, timeout / 4, timeout / 4);
        _receiving = Task.Run(ReceiveAsync);
    }

    public Task Broken => _broken.Task;

    public Task<T> SendAsync<T>(RedisCommand<T> command, CancellationToken cancellationToken)
    {
        bool alone;
        lock (_lock)
        {
            if (_failure is not null)
            {
                command.Fail(new ConnectionLostException(mayBeSent: false, _failure));
                return command.Answer;
            }

            int before = _writer.Length;
            try
            {
                command.Write(_writer);
            }
            catch
            {
                _writer.Truncate(before);
                throw;
            }

            _queued.Add(command);
            if (cancellationToken.CanBeCanceled)
            {
                command.Observe(cancellationToken);
            }

            if (_isFlushing)
            {
                return command.Answer;
            }

            _isFlushing = true;
            alone = _inFlight.Count == 0;
        }

        // one caller alone saves the way over another thread; where there are many, those that come meanwhile share the write
        if (alone)
        {
            Execute();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return command.Answer;
    }

    public void Execute()
    {
        var flush = FlushAsync();
        if (!flush.IsCompletedSuccessfully)
        {
            _flush = flush;
        }
    }

    public void Break(Exception cause)
    {
        RedisCommand[] unsent;
        RedisCommand[] sent;
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            // said before anybody is told of a lost command: who sends it again must not be given this connection
            _failure = cause;
            _broken.TrySetResult();
            (unsent, sent) = ([.. _queued], [.. _inFlight]);
            _queued.Clear();
            _inFlight.Clear();
        }

        _stream.Dispose();
        foreach (var command in sent)
        {
            command.Fail(new ConnectionLostException(mayBeSent: true, cause));
        }

        foreach (var command in unsent)
        {
            command.Fail(new ConnectionLostException(mayBeSent: false, cause));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Break(new ObjectDisposedException(nameof(RespConnection), "The connection was closed."));
        await _watchdog.DisposeAsync().ConfigureAwait(false);
        await _receiving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _flush.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stream.DisposeAsync().ConfigureAwait(false);
    }

    private async Task FlushAsync()
    {
        try
        {
            while (true)
            {
                lock (_lock)
                {
                    if (_queued.Count == 0)
                    {
                        _isFlushing = false;
                        return;
                    }

                    long now = _time.GetTimestamp();
                    foreach (var command in _queued)
                    {
                        command.SentAt = now;
                        _inFlight.Enqueue(command);
                    }

                    (_queued, _leaving) = (_leaving, _queued);
                    (_writer, _sending) = (_sending, _writer);
                }

                _leaving.Clear();
                await _stream.WriteAsync(_sending.Written).ConfigureAwait(false);
                _sending.Clear();
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[16 * 1024];
        int start = 0;
        int end = 0;
        var frame = new RespFrame();
        try
        {
            while (true)
            {
                if (end == buffer.Length)
                {
                    // whole values were taken out: move the beginning of the next one to the front, or make room for a long one
                    int pending = end - start;
                    byte[] target = pending > buffer.Length / 2 ? new byte[buffer.Length * 2] : buffer;
                    buffer.AsSpan(start, pending).CopyTo(target);
                    (buffer, start, end) = (target, 0, pending);
                }

                int received = await _stream.ReadAsync(buffer.AsMemory(end)).ConfigureAwait(false);
                if (received == 0)
                {
                    throw new IOException("The server closed the connection.");
                }

                end += received;
                while (start < end && frame.TryMeasure(buffer.AsSpan(start, end - start), out int length))
                {
                    Take(buffer.AsSpan(start, length));
                    start += length;
                    frame = new();
                }

                if (start == end)
                {
                    (start, end) = (0, 0);
                    buffer = buffer.Length > 1024 * 1024 ? new byte[16 * 1024] : buffer;
                }
            }
        }
        catch (Exception e)
        {
            Break(e);
        }
    }

    private void Take(ReadOnlySpan<byte> value)
    {
        var reader = new RespReader(value);
        if (value[0] == (byte)'>')
        {
            _onPush?.Invoke(ref reader);
            return;
        }

        RedisCommand? command;
        lock (_lock)
        {
            _inFlight.TryDequeue(out command);
        }

        if (command is not null)
        {
            command.Complete(ref reader);
        }
        else if (value[0] == (byte)'-')
        {
            // some refusals come before anything was asked, such as too many clients
            reader.ThrowIfError();
        }
        else if (_onPush is null)
        {
            throw new RespException("an answer that nobody asked for");
        }
    }

    private void Watch()
    {
        RedisCommand? oldest;
        lock (_lock)
        {
            _inFlight.TryPeek(out oldest);
        }

        if (oldest is not null && _time.GetElapsedTime(oldest.SentAt) > _timeout)
        {
            Break(new TimeoutException($"The server did not answer within {_timeout.TotalSeconds:0.###} s."));
        }
    }
}
