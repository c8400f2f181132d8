namespace Conclave.Redis;

/// <summary>Runs one of the store's scripts on a namespace, in the life that the connection was attached to.</summary>
/// <param name="script">The script.</param>
/// <param name="attachment">The connection, with the life and the names.</param>
/// <typeparam name="T">What the answer is read as.</typeparam>
internal abstract class ScriptCommand<T>(Script script, Attachment attachment) : RedisCommand<T>
{
    // the numbers that the scripts begin their answers with (prelude.lua)
    protected const long LifeChanged = -1;
    protected const long SessionGone = -2;
    protected const long Suspects = -3;
    protected const long WaitOut = -4;

    /// <summary>Where the script runs.</summary>
    protected Attachment At => attachment;

    /// <summary>How many arguments follow the life and the channel.</summary>
    protected abstract int Arguments { get; }

    public sealed override void Write(RespWriter writer)
    {
        writer.Command(6 + Arguments);
        writer.Word("EVALSHA"u8);
        writer.Word(script.Sha);
        writer.Word("1"u8);
        writer.Word(attachment.Names.Prefix);
        writer.Word(attachment.Life);
        writer.Word(attachment.Names.Channel);
        WriteArguments(writer);
    }

    protected abstract void WriteArguments(RespWriter writer);

    protected sealed override T Read(ref RespReader answer)
    {
        _ = answer.ReadArray();
        long status = answer.ReadNumber();
        return status == LifeChanged ? throw new LifeChangedException() : Read(status, ref answer);
    }

    protected abstract T Read(long status, ref RespReader answer);
}

/// <summary>The namespace has begun another life since the connection was attached. Nothing was applied.</summary>
internal sealed class LifeChangedException : Exception;

/// <summary>The names of a namespace, as bytes.</summary>
/// <param name="prefix">The beginning of all its keys.</param>
/// <param name="channel">The channel of its changes.</param>
internal sealed class NamespaceNames(string prefix, string channel)
{
    public byte[] Prefix { get; } = System.Text.Encoding.UTF8.GetBytes(prefix);

    public byte[] Channel { get; } = System.Text.Encoding.UTF8.GetBytes(channel);

    public string ChannelName => channel;
}
