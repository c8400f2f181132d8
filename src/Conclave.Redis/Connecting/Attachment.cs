namespace Conclave.Redis;

/// <summary>A connection that may be used: greeted, and attached to a life of the namespace.</summary>
/// <param name="Connection">The connection.</param>
/// <param name="Server">What it leads to.</param>
/// <param name="Names">The names of the namespace.</param>
/// <param name="Life">The life of the namespace that the connection belongs to; another one begins only when its data are removed.</param>
/// <param name="Known">What this store object has seen of the namespace.</param>
internal sealed record Attachment(IRedisConnection Connection, ServerInfo Server, NamespaceNames Names, byte[] Life, Known Known);

/// <summary>What a store object has seen of its namespace: carried over to a server that forgot it.</summary>
/// <param name="longestMilliseconds">The longest time to live that this object allows.</param>
internal sealed class Known(long longestMilliseconds)
{
    private long _epoch = -1;
    private long _longestMilliseconds = longestMilliseconds;

    /// <summary>The last life; null before the first.</summary>
    public byte[]? Life { get; set; }

    /// <summary>The highest epoch; -1 before the first.</summary>
    public long Epoch => Volatile.Read(ref _epoch);

    /// <summary>The longest time to live that anybody allowed.</summary>
    public long LongestMilliseconds => Volatile.Read(ref _longestMilliseconds);

    public void SawEpoch(long epoch) => Raise(ref _epoch, epoch);

    public void SawLongest(long milliseconds) => Raise(ref _longestMilliseconds, milliseconds);

    private static void Raise(ref long highest, long value)
    {
        long seen = Volatile.Read(ref highest);
        while (value > seen)
        {
            long found = Interlocked.CompareExchange(ref highest, value, seen);
            if (found == seen)
            {
                return;
            }

            seen = found;
        }
    }
}

/// <summary>What attaching showed.</summary>
/// <param name="Life">The namespace's life.</param>
/// <param name="Revision">Its revision.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="LongestMilliseconds">The longest time to live ever allowed in it.</param>
/// <param name="WaitedOut">How much of the wait-out was seen so far, or the empty string when none is under way.</param>
internal sealed record AttachReply(byte[] Life, long Revision, long Epoch, long LongestMilliseconds, string WaitedOut);

/// <summary>Runs <c>attach.lua</c>.</summary>
/// <param name="attachment">The connection, with the life to begin if one begins.</param>
/// <param name="mayHaveForgotten">Whether a missing namespace may have been lost by the server.</param>
/// <param name="vouches">Whether the user says that an empty server is new.</param>
internal sealed class AttachCommand(Attachment attachment, bool mayHaveForgotten, bool vouches) : ScriptCommand<AttachReply>(Script.Attach, attachment)
{
    private const long NoPermission = -5;
    private const long Foreign = -6;
    private const long Newer = -7;

    protected override int Arguments => 7;

    protected override void WriteArguments(RespWriter writer)
    {
        writer.Word(At.Server.RunId);
        writer.Word(At.Known.Life);
        writer.Word(At.Known.Epoch);
        writer.Word(At.Known.LongestMilliseconds);
        writer.Word(mayHaveForgotten ? "1"u8 : "0"u8);
        writer.Word(Storage.StoreNames.EpochKey);
        writer.Word(vouches ? "1"u8 : "0"u8);
    }

    protected override AttachReply Read(long status, ref RespReader answer) => status switch
    {
        1 => new(answer.ReadBytes().ToArray(), answer.ReadNumber(), answer.ReadNumber(), answer.ReadNumber(), answer.ReadText()),
        NoPermission => throw new StoreAccessException(
            $"The Redis user may not do all that the store needs; allow '~conclave:*', '&conclave:*' and the commands {answer.ReadText()}."),
        Newer => throw new StoreFormatException(
            $"The namespace in Redis has the format {answer.ReadText()}, this version of Conclave knows format 1; update it. Nothing was changed."),
        Foreign => throw new StoreFormatException($"The namespace in Redis cannot be used: {answer.ReadText()}. Nothing was changed; put it right, or use another namespace."),
        _ => throw new RespException($"the unknown status {status}"),
    };
}
