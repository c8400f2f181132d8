namespace Conclave.Redis;

/// <summary>One command and its answer. Used once.</summary>
internal abstract class RedisCommand
{
    /// <summary>When its bytes began to leave.</summary>
    public long SentAt { get; set; }

    /// <summary>Writes the command. Called under the connection's lock.</summary>
    public abstract void Write(RespWriter writer);

    /// <summary>Takes the answer. Called by the connection's receiving loop; runs no code of others.</summary>
    public abstract void Complete(ref RespReader answer);

    public abstract void Fail(Exception failure);
}

/// <inheritdoc/>
/// <typeparam name="T">What the answer is read as.</typeparam>
internal abstract class RedisCommand<T> : RedisCommand
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _registration;

    public Task<T> Answer => _answer.Task;

    /// <summary>Lets a token end the wait for the answer. The answer is then read and dropped.</summary>
    public void Observe(CancellationToken cancellationToken) => _registration = cancellationToken.UnsafeRegister(
        static (command, token) => ((RedisCommand<T>)command!)._answer.TrySetCanceled(token), this);

    public sealed override void Complete(ref RespReader answer)
    {
        _registration.Unregister();
        try
        {
            answer.ThrowIfError();
            _answer.TrySetResult(Read(ref answer));
        }
        catch (RespException e)
        {
            // whoever reads on after nonsense may give one caller the answer of another
            FailWith(new ConnectionLostException(mayBeSent: true, e));
            throw;
        }
        catch (Exception e)
        {
            FailWith(e);
        }
    }

    public sealed override void Fail(Exception failure)
    {
        _registration.Unregister();
        FailWith(failure);
    }

    protected abstract T Read(ref RespReader answer);

    private void FailWith(Exception failure)
    {
        _answer.TrySetException(failure);

        // a caller that went away, or gave up at an earlier answer, does not look
        _ = _answer.Task.Exception;
    }
}

/// <summary>A command of plain words.</summary>
/// <param name="read">Reads the answer.</param>
/// <param name="words">The words.</param>
internal sealed class PlainCommand<T>(PlainCommand<T>.Reader read, params string[] words) : RedisCommand<T>
{
    public delegate T Reader(ref RespReader answer);

    public override void Write(RespWriter writer)
    {
        writer.Command(words.Length);
        foreach (string word in words)
        {
            writer.Word(word);
        }
    }

    protected override T Read(ref RespReader answer) => read(ref answer);
}
