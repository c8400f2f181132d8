using System.Diagnostics.CodeAnalysis;
using System.Text;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Redis;

/// <summary>
/// Hears of every change of the namespace, on a connection of its own that begins with the first wait. Whenever the subscription stands anew,
/// everybody who waits is woken: what happened meanwhile is unknown.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "disposed asynchronously")]
internal sealed partial class Subscription(
    RedisStoreOptions options, TimeProvider time, string channel, ChangeHints hints, Func<CancellationToken, ValueTask<long>> readRevision, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private RespConnection? _connection;
    private ConclaveException? _refusal;
    private Task? _running;

    /// <summary>Begins, if it has not begun.</summary>
    /// <exception cref="ConclaveException">The server refuses the subscription, and will until somebody changes a setting.</exception>
    public void Start()
    {
        if (Volatile.Read(ref _refusal) is { } refusal)
        {
            throw refusal;
        }

        if (Volatile.Read(ref _running) is null)
        {
            lock (_lock)
            {
                _running ??= _stopping.IsCancellationRequested ? Task.CompletedTask : Task.Run(RunAsync);
            }
        }
    }

    /// <summary>Subscribes anew: the server may not be the one to listen to any more.</summary>
    public void Restart() => Volatile.Read(ref _connection)?.Break(new IOException("The namespace began anew."));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task? running;
        lock (_lock)
        {
            running = _running;
        }

        if (running is not null)
        {
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RunAsync()
    {
        var pause = FirstPause;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(() => pause = FirstPause).ConfigureAwait(false);
            }
            catch (Exception) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // waits that are pending end by their longest silence; the next ones are told what nobody but an operator can mend
                LogInterrupted(e);
                var failure = e as ConclaveException ?? Failures.OfCommand(e, isWriting: false);
                Volatile.Write(ref _refusal, failure.IsTransient ? null : failure);
            }

            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task ListenAsync(Action onStanding)
    {
        var (connection, _) = await Link.ConnectAnyAsync(options, time, OnPush, _stopping.Token).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            Volatile.Write(ref _connection, connection);
            await connection.SendAsync(new SubscribeCommand(channel), _stopping.Token).ConfigureAwait(false);

            // in this order: what changes after the reading is heard, what changed before it is forgotten
            hints.Forget(await readRevision(_stopping.Token).ConfigureAwait(false));
            Volatile.Write(ref _refusal, null);
            onStanding();
            while (true)
            {
                // a connection without traffic may be dead without saying so
                await connection.Broken.WaitAsync(options.CommandTimeout / 2, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _stopping.Token.ThrowIfCancellationRequested();
                _ = await connection.SendAsync(new PlainCommand<bool>(Skip, "PING"), _stopping.Token).ConfigureAwait(false);
            }
        }
    }

    private static bool Skip(ref RespReader answer)
    {
        answer.Skip();
        return true;
    }

    /// <summary>A message is a revision and the keys it changed, each on a line; a revision alone says that too much changed to name it.</summary>
    private void OnPush(ref RespReader push)
    {
        if (push.ReadArray() != 3 || !push.ReadBytes().SequenceEqual("message"u8))
        {
            return;
        }

        push.Skip();
        var message = push.ReadBytes();
        int end = message.IndexOf((byte)'\n');
        if (!System.Buffers.Text.Utf8Parser.TryParse(end < 0 ? message : message[..end], out long revision, out _))
        {
            return;
        }

        if (end < 0)
        {
            hints.Forget(revision);
            return;
        }

        var keys = message[(end + 1)..];
        foreach (var range in keys.Split((byte)'\n'))
        {
            hints.Publish(Encoding.UTF8.GetString(keys[range]), revision);
        }
    }

    [LoggerMessage(30, LogLevel.Warning, "The subscription to changes was interrupted; subscribing again")]
    private partial void LogInterrupted(Exception exception);

    /// <summary>Subscribes, and asks for a sign behind it: the confirmation itself is no answer but a message like any other.</summary>
    private sealed class SubscribeCommand(string channel) : RedisCommand<bool>
    {
        public override void Write(RespWriter writer)
        {
            writer.Command(2);
            writer.Word("SUBSCRIBE"u8);
            writer.Word(channel);
            writer.Command(1);
            writer.Word("PING"u8);
        }

        protected override bool Read(ref RespReader answer) => Skip(ref answer);
    }
}
