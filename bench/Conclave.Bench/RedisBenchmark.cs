using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Conclave.Redis;
using Conclave.Servers;

namespace Conclave.Bench;

/// <summary>A lock over a real Redis, against the same scripts sent by the bare wire, and against the snippet that people use today.</summary>
internal static class RedisBenchmark
{
    private const string CompareAndDelete = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

    public static async Task<int> RunAsync()
    {
        await using var server = await RedisServer.StartAsync();
        var benchmark = new LockBenchmark("redis", name => Open(server, name, null));
        long commands = 0;
        Task<long> Commands() => Task.FromResult(Interlocked.Read(ref commands));
        ConclaveClient Connect(string name, ConclaveOptions options) => new(Open(server, name, _ => Interlocked.Increment(ref commands)), options);
        await using (var client = Connect("count", new()))
        {
            await benchmark.CountAsync(client, Commands, pairs: 10);
        }

        await benchmark.HoldAsync(options => Connect("hold", options), Commands, TimeSpan.FromSeconds(6));
        await using var bare = await ConnectAsync(server);
        string compareAndDelete = await bare.SendAsync(new Words<string>(["SCRIPT", "LOAD", CompareAndDelete], static (ref RespReader answer) => answer.ReadText()), default);
        var pairs = await RecordAsync(server, bare);
        Task TrySetAsync(string key, string value) => bare.SendAsync(new Words<bool>(["SET", key, value, "NX", "PX", "30000"], Skip), default);
        Task DeleteAsync(string key, string value) => bare.SendAsync(new Words<bool>(["EVALSHA", compareAndDelete, "1", key, value], Skip), default);
        await benchmark.CompareAsync(
            each: 120,
            sequential: 1500,
            new("the same scripts by the bare wire", worker => pairs[worker].SendAsync(), Share: 0.6, Latency: 2),
            new(
                "SET NX PX and compare-and-delete, which know neither waiting nor tokens",
                async worker =>
                {
                    await TrySetAsync($"snippet:{worker}", "me");
                    await DeleteAsync($"snippet:{worker}", "me");
                },
                Share: 0.4,
                SequentialShare: 0.4));

        double handOff = await benchmark.HandOffAsync();
        await benchmark.PollAsync(
            handOff,
            "SET NX PX",
            async who => await bare.SendAsync(new Words<bool>(["SET", "polled", $"{who}", "NX", "PX", "30000"], IsOk), default),
            who => DeleteAsync("polled", $"{who}"));
        return 0;
    }

    private static RedisStore Open(RedisServer server, string name, Action<RedisCommand>? onCommand) =>
        new(new RedisStoreOptions { Hosts = [new(server.Host, server.Port)], Namespace = name, TrustEmptyServer = true, OnCommand = onCommand });

    private static async Task<RespConnection> ConnectAsync(RedisServer server)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(server.Host, server.Port);
        var connection = new RespConnection(client.GetStream(), TimeProvider.System, TimeSpan.FromSeconds(20));
        await connection.SendAsync(new Words<bool>(["HELLO", "3"], Skip), default);
        return connection;
    }

    /// <summary>What a lock sends at each name, to be sent again.</summary>
    private static async Task<ScriptPair[]> RecordAsync(RedisServer server, RespConnection bare)
    {
        var sent = new List<byte[][]>();
        var store = Open(server, "record", command =>
        {
            lock (sent)
            {
                sent.Add(WordsOf(command));
            }
        });
        var client = new ConclaveClient(store);
        var pairs = new List<ScriptPair>();
        for (int i = 0; i < LockBenchmark.Workers; i++)
        {
            var claim = await client.Lock($"name/{i}").AcquireAsync();
            byte[] revision = Encoding.ASCII.GetBytes(claim.Token.Value.ToString("D15", CultureInfo.InvariantCulture));
            await claim.DisposeAsync();
            byte[] name = Encoding.ASCII.GetBytes($"lock/name%2F{i}/");
            byte[][][] mine;
            lock (sent)
            {
                mine = [.. sent.Where(words => words.Any(word => word.AsSpan().IndexOf(name) >= 0)).TakeLast(2)];
            }

            pairs.Add(new(bare, mine[0], mine[1], Array.FindIndex(mine[1], word => word.AsSpan().SequenceEqual(revision))));
        }

        // the client is left to the end of the process: its session must live while its scripts are sent again
        return [.. pairs];
    }

    private static byte[][] WordsOf(RedisCommand command)
    {
        var writer = new RespWriter();
        command.Write(writer);
        var rest = writer.Written.Span;
        byte[][] words = new byte[Number(ref rest)][];
        for (int i = 0; i < words.Length; i++)
        {
            int length = Number(ref rest);
            words[i] = rest[..length].ToArray();
            rest = rest[(length + 2)..];
        }

        return words;

        static int Number(ref ReadOnlySpan<byte> rest)
        {
            int end = rest.IndexOf("\r\n"u8);
            int number = int.Parse(rest[1..end], CultureInfo.InvariantCulture);
            rest = rest[(end + 2)..];
            return number;
        }
    }

    private static bool Skip(ref RespReader answer)
    {
        answer.Skip();
        return true;
    }

    private static bool IsOk(ref RespReader answer)
    {
        if (answer.Peek() == (byte)'+')
        {
            return answer.ReadText() == "OK";
        }

        answer.Skip();
        return false;
    }

    /// <summary>One script that joins, one that leaves.</summary>
    private sealed class ScriptPair(RespConnection wire, byte[][] join, byte[][] leave, int revisionAt)
    {
        private readonly byte[][] _leave = [.. leave];

        public async Task SendAsync()
        {
            // who leaves says which revision of its entry it means
            _leave[revisionAt] = await wire.SendAsync(new Words<byte[]>(join, Revision), default);
            byte[] left = await wire.SendAsync(new Words<byte[]>(_leave, Revision), default);
            if (left.AsSpan().SequenceEqual(_leave[revisionAt]))
            {
                throw new InvalidOperationException("What was sent again did not write what it wrote at first.");
            }
        }

        private static byte[] Revision(ref RespReader answer)
        {
            int parts = answer.ReadArray();
            if (answer.ReadNumber() != 1)
            {
                throw new InvalidOperationException("What was sent again was refused.");
            }

            byte[] revision = answer.ReadBytes().ToArray();
            for (int i = 2; i < parts; i++)
            {
                answer.Skip();
            }

            return revision;
        }
    }

    private sealed class Words<T>(byte[][] words, PlainCommand<T>.Reader read) : RedisCommand<T>
    {
        public Words(string[] words, PlainCommand<T>.Reader read)
            : this([.. words.Select(Encoding.UTF8.GetBytes)], read)
        {
        }

        public override void Write(RespWriter writer)
        {
            writer.Command(words.Length);
            foreach (byte[] word in words)
            {
                writer.Word(word);
            }
        }

        protected override T Read(ref RespReader answer) => read(ref answer);
    }
}
