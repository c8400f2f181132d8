using System.Globalization;
using System.Net.Sockets;

namespace Conclave.Torture;

/// <summary>
/// What the locks protect: a number per name, behind a socket. It refuses a token that is smaller than one it has seen, for reading and for writing.
/// With its check switched off it accepts all, and counts what it should have refused.
/// </summary>
internal sealed class GuardedResource : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (long Token, long Value, long Writes)> _state = new(StringComparer.Ordinal);
    private readonly List<Task> _serving = [];
    private readonly List<Socket> _sockets = [];
    private readonly bool _checks;
    private readonly Task _accepting;
    private int _stale;

    public GuardedResource(string path, bool checks)
    {
        (Path, _checks) = (path, checks);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(64);
        _accepting = AcceptAsync();
    }

    public string Path { get; }

    /// <summary>How often somebody came with a token older than one seen before: refused, or accepted where nothing is checked.</summary>
    public int Stale => Volatile.Read(ref _stale);

    /// <summary>Per name: what the sum is, and how many additions were accepted. They differ when an addition was lost.</summary>
    public IReadOnlyList<(string Name, long Value, long Writes)> Sums
    {
        get
        {
            lock (_lock)
            {
                return [.. _state.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => (s.Key, s.Value.Value, s.Value.Writes))];
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            _sockets.ForEach(s => s.Dispose());
        }

        await Task.WhenAll(_serving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        File.Delete(Path);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var socket = await _listener.AcceptAsync();
            lock (_lock)
            {
                _sockets.Add(socket);
                _serving.Add(ServeAsync(socket));
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        using var reader = new StreamReader(stream);
        await using var writer = new StreamWriter(stream) { AutoFlush = true };
        while (await reader.ReadLineAsync() is { } line)
        {
            await writer.WriteLineAsync(Answer(line.Split(' ')));
        }
    }

    private string Answer(string[] words)
    {
        lock (_lock)
        {
            var (seen, value, writes) = _state.GetValueOrDefault(words[1]);
            long token = long.Parse(words[2], CultureInfo.InvariantCulture);
            if (token < seen)
            {
                _stale++;
                if (_checks)
                {
                    return "refused";
                }
            }

            seen = Math.Max(seen, token);
            if (words[0] == "read")
            {
                _state[words[1]] = (seen, value, writes);
                return value.ToString(CultureInfo.InvariantCulture);
            }

            _state[words[1]] = (seen, long.Parse(words[3], CultureInfo.InvariantCulture), writes + 1);
            return "accepted";
        }
    }
}
